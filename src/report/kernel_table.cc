#include "report/kernel_table.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/summary.h"

namespace memrig {

namespace {

constexpr std::size_t kMostKernelColumns = 40;  // of a scenario or a kernel, which may be given by a path

// One scenario on one kernel.
struct Field {
    std::vector<std::string> verdicts;  // of each arm that was played
    std::vector<std::string> reasons;   // why arms were not played, each once
    bool is_good = true;
};

struct KernelTable {
    std::vector<std::string> kernels, scenarios;  // in their order in the results
    std::map<std::pair<std::string, std::string>, Field> fields;
    std::vector<std::string> notes;  // the reasons, each once
};

void add_once(std::vector<std::string>& words, const std::string& word) {
    if (std::ranges::find(words, word) == words.end()) words.push_back(word);
}

void add_arm(Field& field, const ArmResult& arm) {
    if (!arm.skipped.empty()) return add_once(field.reasons, one_line(arm.skipped));
    if (arm.not_set_up) {
        field.is_good = false;
        return add_once(field.reasons, "not set up: " + one_line(arm.not_set_up->line()));
    }
    const bool is_good = arm.as_expected();
    field.is_good = field.is_good && is_good;
    const auto counts = arm.counts();
    std::string verdicts = counts.size() == 1 ? to_string(counts.begin()->first) : verdict_counts_text(arm);
    if (counts.empty()) verdicts = "no trial";
    field.verdicts.push_back(verdicts + (is_good ? "" : " !"));
}

KernelTable table_of(const RunResults& results) {
    KernelTable table;
    for (const auto& arm : results.arms) {
        const std::string kernel = one_line(arm.shown_kernel()), scenario = one_line(arm.scenario);
        add_once(table.kernels, kernel);
        add_once(table.scenarios, scenario);
        Field& field = table.fields[{scenario, kernel}];
        add_arm(field, arm);
        for (const auto& reason : field.reasons) add_once(table.notes, reason);
    }
    return table;
}

std::string text_of(const KernelTable& table, const std::string& scenario, const std::string& kernel) {
    const auto found = table.fields.find({scenario, kernel});
    if (found == table.fields.end()) return "-";
    const Field& field = found->second;
    std::string text = fmt::format("{}", fmt::join(field.verdicts, " / "));
    for (const auto& reason : field.reasons) {
        const auto number = std::ranges::find(table.notes, reason) - table.notes.begin() + 1;
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ",
                            reason.starts_with("not set up") ? "not set up" : "skipped", number);
    }
    return text;
}

bool is_good(const KernelTable& table, const std::string& scenario, const std::string& kernel) {
    const auto found = table.fields.find({scenario, kernel});
    return found == table.fields.end() || found->second.is_good;
}

std::string notes_of(const KernelTable& table, const char* form) {
    std::string out;
    for (std::size_t i = 0; i < table.notes.size(); i++) out += fmt::format(fmt::runtime(form), i + 1, table.notes[i]);
    return out;
}

}  // namespace

std::string kernel_table(const RunResults& results, const Paint& paint, std::size_t width) {
    const KernelTable table = table_of(results);
    if (table.kernels.size() < 2) return {};
    std::vector<TableColumn> heads = {{"scenario"}};
    for (const auto& kernel : table.kernels) heads.push_back({short_path(kernel, kMostKernelColumns)});
    std::vector<std::vector<std::string>> rows;
    for (const auto& scenario : table.scenarios) {
        rows.push_back({short_path(scenario, kMostKernelColumns)});
        for (const auto& kernel : table.kernels) rows.back().push_back(text_of(table, scenario, kernel));
    }
    const auto painted = [&](std::size_t row, std::size_t column, const std::string& text) {
        if (row == kHeadings) return paint.heading(text);
        const bool good = column == 0 || is_good(table, table.scenarios[row], table.kernels[column - 1]);
        return good ? text : paint.bad(text);
    };
    return table_text(heads, rows, width, painted) + notes_of(table, "({}) {}\n");
}

std::string kernel_table_markdown(const RunResults& results) {
    const KernelTable table = table_of(results);
    std::string out = "| scenario |";
    std::string rule = "| --- |";
    for (const auto& kernel : table.kernels) {
        out += " " + md_escaped(kernel) + " |";
        rule += " --- |";
    }
    out += "\n" + rule + "\n";
    for (const auto& scenario : table.scenarios) {
        out += "| " + md_escaped(scenario) + " |";
        for (const auto& kernel : table.kernels) out += " " + md_escaped(text_of(table, scenario, kernel)) + " |";
        out += "\n";
    }
    KernelTable escaped;
    for (const auto& note : table.notes) escaped.notes.push_back(md_escaped(note));
    return out + (table.notes.empty() ? "" : "\n") + notes_of(escaped, "{}. {}\n");
}

}  // namespace memrig
