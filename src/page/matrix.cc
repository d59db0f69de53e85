#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "page/parts.h"
#include "run/results.h"

namespace memrig::page {

namespace {

constexpr std::size_t kMostScenarios = 300, kMostColumns = 12, kMostChips = 12, kMostArms = 400, kMostOfAll = 4000;

std::string counts_text(const CellProgress& cell) {
    if (!cell.skipped.empty()) return "skipped";
    if (!cell.not_set_up.empty()) return "not set up";
    if (cell.done == 0) return "no result";
    std::string text;
    for (const auto& [verdict, count] : cell.verdicts)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, bounded(verdict, 20));
    if (cell.known > 0) text += fmt::format(" ({} known)", cell.known);
    return text;
}

void left_out(Element& parent, std::size_t n, std::string_view noun) {
    if (n > 0) parent.add("p", fmt::format("{} left out.", counted(n, noun))).css("left-out");
}

// The same with the reason, if there is one.
std::string long_text(const CellProgress& cell) {
    const std::string& why = cell.skipped.empty() ? cell.not_set_up : cell.skipped;
    return counts_text(cell) + (why.empty() ? "" : ": " + bounded(why, 160));
}

// The caller leaves out rig faults, which do not tell how long a trial takes.
double median_seconds(const std::vector<double>& seconds) { return spread_of(seconds).median; }

}  // namespace

void add_matrix(Element& parent, const CampaignRecord& record) {
    std::vector<std::string> kernels, scenarios;
    std::map<std::string, std::size_t> column, row;
    for (const auto& cell : record.cells) {
        if (column.try_emplace(cell.cell.kernel, kernels.size()).second) kernels.push_back(cell.cell.kernel);
        if (row.try_emplace(cell.cell.scenario, scenarios.size()).second) scenarios.push_back(cell.cell.scenario);
    }
    std::map<std::pair<std::size_t, std::size_t>, std::vector<const CellProgress*>> cells;
    for (const auto& cell : record.cells) cells[{row[cell.cell.scenario], column[cell.cell.kernel]}].push_back(&cell);

    Element section = parent.add("section").set("id", "matrix").set("aria-labelledby", "matrix-title");
    section.add("h2", "Scenarios and kernels").set("id", "matrix-title");
    Element key = section.add("p");
    for (const auto& [css, text] : {std::pair{"good", "✓ as expected, or known"},
                                    {"bad", "✗ not as expected"},
                                    {"undecided", "? not proven or not set up, … no result yet"},
                                    {"fault", "! the rig failed"},
                                    {"none", "– skipped"}})
        key.add("span", text).css(std::string("chip ") + css);
    std::vector<std::string> shown_kernels;
    for (std::size_t i = 0; i < std::min(kernels.size(), kMostColumns); i++)
        shown_kernels.push_back(bounded(kernels[i], 60));
    std::vector<std::string_view> heads = {"scenario"};
    heads.insert(heads.end(), shown_kernels.begin(), shown_kernels.end());
    Element rows = add_table(section, "Verdicts of each arm, by scenario and kernel", heads);
    std::size_t chips = 0;
    for (std::size_t i = 0; i < std::min(scenarios.size(), kMostScenarios); i++) {
        Element line = rows.add("tr").css("matrix");
        line.add("th", bounded(scenarios[i], 80)).set("scope", "row");
        for (std::size_t j = 0; j < shown_kernels.size(); j++) {
            Element box = line.add("td");
            const auto found = cells.find({i, j});
            if (found == cells.end()) {
                box.text("not in the plan");
                continue;
            }
            std::size_t here = 0;
            for (const CellProgress* cell : found->second) {
                if (here == kMostChips || chips == kMostOfAll) break;
                here++, chips++;
                const Look look = look_of(*cell);
                std::string name = bounded(cell->cell.arm, 40);
                if (!cell->cell.bench.empty()) name += " on " + bounded(cell->cell.bench, 40);
                box.add("span", fmt::format("{} {}: {}", look.sign, name, counts_text(*cell)))
                    .css(std::string("chip ") + look.css);
            }
            if (found->second.size() > here)
                box.add("span", fmt::format("and {}", counted(found->second.size() - here, "more arm")))
                    .css("left-out");
        }
    }
    left_out(section, scenarios.size() - std::min(scenarios.size(), kMostScenarios), "more scenario");
    left_out(section, kernels.size() - shown_kernels.size(), "more kernel");
}

void add_arms(Element& parent, const CampaignRecord& record) {
    std::vector<std::vector<double>> seconds(record.cells.size());
    std::vector<std::string> expected(record.cells.size());
    for (const auto& result : record.results) {
        if (result.trial.cell >= record.cells.size()) continue;
        if (result.verdict != to_string(Verdict::rig_fault)) seconds[result.trial.cell].push_back(result.seconds);
        if (!result.setting.expected.empty()) expected[result.trial.cell] = result.setting.expected;
    }
    Element section = parent.add("section").set("id", "arms").set("aria-labelledby", "arms-title");
    section.add("h2", "Arms, rates and times").set("id", "arms-title");
    section.add("p", "The rate of expected results is shown with its 95% interval.");
    Element details = add_details(section, counted(record.cells.size(), "arm"));
    Element rows =
        add_table(details, "Each arm's results",
                  {"scenario", "kernel", "arm", "expected", "done", "verdicts", "as expected", "median time"});
    // Unexpected results come first, so that they are not left out.
    std::vector<std::size_t> order;
    for (const bool good : {false, true})
        for (std::size_t i = 0; i < record.cells.size(); i++)
            if ((look_of(record.cells[i]).css == std::string_view("good")) == good) order.push_back(i);
    for (std::size_t i = 0; i < std::min(order.size(), kMostArms); i++) {
        const CellProgress& cell = record.cells[order[i]];
        Element row = rows.add("tr");
        row.add("th", bounded(cell.cell.scenario, 80)).set("scope", "row");
        row.add("td", bounded(cell.cell.kernel, 60));
        row.add("td", bounded(cell.cell.bench.empty() ? cell.cell.arm : cell.cell.arm + " on " + cell.cell.bench, 80));
        row.add("td", bounded(expected[order[i]], 60));
        row.add("td", fmt::format("{} of {}", cell.done, cell.cell.trials)).css("number");
        const Look look = look_of(cell);
        row.add("td")
            .add("span", fmt::format("{} {}", look.sign, long_text(cell)))
            .css(std::string("chip ") + look.css);
        row.add("td", rate_text(cell.as_expected, cell.done)).css("number");
        row.add("td", seconds[order[i]].empty() ? "" : short_time(median_seconds(seconds[order[i]]))).css("number");
    }
    left_out(details, order.size() - std::min(order.size(), kMostArms), "more arm");
}

}  // namespace memrig::page
