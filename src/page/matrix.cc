#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "page/parts.h"
#include "run/results.h"

namespace memrig::page {

namespace {

constexpr std::size_t kMostScenarios = 300, kMostColumns = 12, kMostChips = 40, kMostArms = 400, kMostOfAll = 4000;
constexpr std::size_t kMostTrials = 400;

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

// The same with the reason, if there is one.
std::string long_text(const CellProgress& cell) {
    const std::string& why = cell.skipped.empty() ? cell.not_set_up : cell.skipped;
    return counts_text(cell) + (why.empty() ? "" : ": " + bounded(why, 160));
}

// The caller leaves out rig faults, which do not tell how long a trial takes.
double median_seconds(const std::vector<double>& seconds) { return spread_of(seconds).median; }

bool needs_attention(const CellProgress& cell) {
    const std::string_view css = look_of(cell).css;
    return css != "good" && css != "none";
}

// The arms by scenario and kernel. Scenarios that need attention come first, the others are folded.
class Matrix {
public:
    explicit Matrix(const CampaignRecord& record) {
        std::map<std::string, std::size_t> column, row;
        for (const auto& cell : record.cells) {
            const PlanCell& names = cell.cell;
            if (column.try_emplace(names.shown_kernel(), kernels_.size()).second)
                kernels_.push_back(names.shown_kernel());
            if (row.try_emplace(names.scenario, rows_.size()).second) rows_.push_back({names.scenario, false, {}});
            Row& here = rows_[row[names.scenario]];
            here.attention = here.attention || needs_attention(cell);
            here.cells[column[names.shown_kernel()]].push_back(&cell);
        }
        for (const auto& result : record.results)
            if (result.trial.cell < record.cells.size() && !result.setting.release.empty())
                releases_[record.cells[result.trial.cell].cell.shown_kernel()] = result.setting.release;
        for (auto& one : rows_)
            for (auto& [kernel, cells] : one.cells)
                std::ranges::stable_partition(cells, [](const CellProgress* cell) { return needs_attention(*cell); });
    }

    void add(Element& section) {
        const auto attention = static_cast<std::size_t>(std::ranges::count_if(rows_, &Row::attention));
        const std::size_t others = rows_.size() - attention;
        if (attention > 0) add_rows(section, "Verdicts of each arm, by scenario and kernel", true);
        if (others > 0) {
            // Without anything to attend to, the page has nothing else to show.
            Element fold = add_details(section, counted(others, "scenario") + " as expected", attention == 0);
            add_rows(fold, "Verdicts that were expected, by scenario and kernel", false);
        }
        add_left_out(section, kernels_.size() - std::min(kernels_.size(), kMostColumns), "more kernel");
    }

private:
    struct Row {
        std::string scenario;
        bool attention = false;
        std::map<std::size_t, std::vector<const CellProgress*>> cells;  // by kernel
    };

    // The release is what the guest says of itself; an id is what the catalogue calls the kernel.
    [[nodiscard]] std::string heading(const std::string& kernel) const {
        const auto release = releases_.find(kernel);
        if (release == releases_.end() || release->second == kernel) return bounded(kernel, 60);
        return fmt::format("{} ({})", bounded(release->second, 60), bounded(kernel, 60));
    }

    void add_rows(Element& parent, std::string_view caption, bool attention) {
        std::vector<std::string> shown = {"scenario"};
        for (std::size_t i = 0; i < std::min(kernels_.size(), kMostColumns); i++) shown.push_back(heading(kernels_[i]));
        Element body = add_table(parent, caption, {shown.begin(), shown.end()});
        std::size_t left = 0, rows = 0;
        for (const auto& row : rows_) {
            if (row.attention != attention) continue;
            if (rows++ >= kMostScenarios) {
                left++;
                continue;
            }
            Element line = body.add("tr").css("matrix");
            line.add("th", bounded(row.scenario, 80)).set("scope", "row");
            for (std::size_t i = 0; i + 1 < shown.size(); i++) {
                Element box = line.add("td");
                const auto found = row.cells.find(i);
                if (found == row.cells.end()) box.text("not in the plan");
                else add_chips(box, found->second);
            }
        }
        add_left_out(parent, left, "more scenario");
    }

    void add_chips(Element& box, const std::vector<const CellProgress*>& cells) {
        std::size_t here = 0;
        for (const CellProgress* cell : cells) {
            if (here == kMostChips || chips_ == kMostOfAll) break;
            here++, chips_++;
            const Look look = look_of(*cell);
            std::string name = bounded(cell->cell.arm, 40);
            if (!cell->cell.bench.empty()) name += " on " + bounded(cell->cell.bench, 40);
            box.add("span", fmt::format("{} {}: {}", look.sign, name, counts_text(*cell)))
                .css(std::string("chip ") + look.css);
        }
        if (cells.size() > here)
            box.add("span", fmt::format("and {}", counted(cells.size() - here, "more arm"))).css("left-out");
    }

    std::vector<std::string> kernels_;
    std::map<std::string, std::string> releases_;  // by kernel
    std::vector<Row> rows_;
    std::size_t chips_ = 0;
};

}  // namespace

void add_matrix(Element& parent, const CampaignRecord& record) {
    Element section = add_section(parent, "matrix", "Scenarios and kernels");
    Element key = section.add("p");
    for (const auto& [css, text] : {std::pair{"good", "✓ as expected, or known"},
                                    {"bad", "✗ not as expected"},
                                    {"undecided", "? not proven or not set up, … no result yet"},
                                    {"fault", "! the rig failed"},
                                    {"none", "– skipped"}})
        key.add("span", text).css(std::string("chip ") + css);
    Matrix matrix(record);
    matrix.add(section);
}

void add_arms(Element& parent, const CampaignRecord& record) {
    std::vector<std::vector<double>> seconds(record.cells.size());
    std::vector<std::string> expected(record.cells.size());
    for (const auto& result : record.results) {
        if (result.trial.cell >= record.cells.size()) continue;
        if (result.verdict != to_string(Verdict::rig_fault)) seconds[result.trial.cell].push_back(result.seconds);
        if (!result.setting.expected.empty()) expected[result.trial.cell] = result.setting.expected;
    }
    Element section = add_section(parent, "arms", "Arms, rates and times");
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
        row.add("td", bounded(cell.cell.shown_kernel(), 60));
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
    add_left_out(details, order.size() - std::min(order.size(), kMostArms), "more arm");
}

void add_subject_table(Element& parent, const SubjectTable& table, const std::string& id) {
    Element section = add_section(parent, id, table.caption);
    const auto good = static_cast<std::size_t>(std::ranges::count_if(table.rows, &SubjectTable::Row::is_good));
    const std::vector<std::string_view> heads(table.columns.begin(), table.columns.end());
    for (const bool is_good : {false, true}) {
        const std::size_t n = is_good ? good : table.rows.size() - good;
        if (n == 0) continue;
        Element place = is_good ? add_details(section, fmt::format("{} as expected", n)) : section;
        Element rows = add_table(place, table.caption, heads);
        std::size_t shown = 0;
        for (const auto& one : table.rows) {
            if (one.is_good != is_good || shown++ >= kMostTrials) continue;
            Element row = rows.add("tr");
            for (std::size_t i = 0; i < one.fields.size(); i++)
                if (i == 0) row.add("th", bounded(one.fields[i], 80)).set("scope", "row");
                else row.add("td", bounded(one.fields[i]));
        }
        add_left_out(place, n - std::min(n, kMostTrials), "more row");
    }
}

void add_trials(Element& parent, const LoadedCampaign& now) {
    const CampaignRecord& record = now.record;
    Element section = add_section(parent, "trials", "Trials");
    Element line = section.add("p", "The page of one trial: ");
    line.add("code", "memrig report DIRECTORY --format html");
    line.text(".");
    Element details = add_details(section, counted(record.results.size(), "trial"));
    Element rows = add_table(details, "Each trial", {"trial", "verdict", "reason", "time", "directory"});
    for (std::size_t i = 0; i < std::min(record.results.size(), kMostTrials); i++) {
        const StoredResult& result = record.results[i];
        Element row = rows.add("tr");
        const std::string name =
            result.trial.cell < record.cells.size() ? record.cells[result.trial.cell].cell.title() : "an unknown arm";
        row.add("th", fmt::format("{} #{}", bounded(name, 200), result.trial.number)).set("scope", "row");
        const Look look = look_of(result.verdict, result.as_expected);
        row.add("td").add("span", look.sign + (" " + bounded(result.verdict, 20))).css(std::string("chip ") + look.css);
        row.add("td", bounded(result.reason, 200)).css("long");
        row.add("td", short_time(result.seconds)).css("number");
        row.add("td").add("code", bounded((now.night.directory / result.directory).string(), 200));
    }
    add_left_out(details, record.results.size() - std::min(record.results.size(), kMostTrials), "more trial");
}

}  // namespace memrig::page
