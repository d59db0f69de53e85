#include "report/known_bugs_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace memrig {

namespace {

using BugJson = nlohmann::ordered_json;

std::string commits_text(const std::vector<std::string>& commits) {
    return commits.empty() ? "-" : fmt::format("{}", fmt::join(commits, ", "));
}

// The guilty side's kernel, and its arm if that makes the difference.
std::string guilty_text(const BugRow& row) {
    return row.bug.guilty.arm == "control" ? row.bug.guilty.kernel
                                           : fmt::format("{}, arm {}", row.bug.guilty.kernel, row.bug.guilty.arm);
}

std::string conviction_text(const BugRow& row) {
    const PlayedSide& side = row.guilty;
    if (!side.not_played.empty()) return "not played: " + side.not_played;
    if (side.trials.empty()) return "not played";
    const BugTrial& last = side.trials.back();
    if (row.convicted()) return fmt::format("{} ({})", to_string(last.verdict), last.oracle);
    return fmt::format("NOT CONVICTED: {}: {}", to_string(last.verdict), last.reason);
}

std::string needed_text(const BugRow& row) {
    return row.convicted() ? fmt::format("{}", row.guilty.trials.size()) : "-";
}

std::string control_text(const BugRow& row) {
    const PlayedSide& side = row.innocent;
    if (!side.not_played.empty()) return "not played: " + side.not_played;
    if (side.trials.empty()) return "not played";
    const BugTrial& last = side.trials.back();
    if (row.control_held()) return "held";
    return fmt::format("NOT HELD: {}: {}", to_string(last.verdict), last.reason);
}

std::string sum_text(const KnownBugs& bugs) {
    if (std::ranges::none_of(bugs.rows, &BugRow::is_done))
        return fmt::format("{}, and {} that are not shown", counted(bugs.rows.size(), "bug"), bugs.unshown.size());
    return fmt::format("{} of {} shown: convicted with the bug, and held without it; {} not shown; {}", bugs.shown(),
                       counted(bugs.rows.size(), "bug"), bugs.unshown.size(), short_time(bugs.seconds));
}

}  // namespace

std::string known_bugs_text(const KnownBugs& bugs, const Paint& paint) {
    std::string out;
    for (const auto& row : bugs.rows) {
        const std::string head = fmt::format("{}  {}", row.bug.year, one_line(row.bug.subject));
        out += (row.is_shown() ? paint.good(head) : row.is_done() ? paint.bad(head) : head) + "\n";
        out += fmt::format("      {}  {}\n", one_line(commits_text(row.bug.commits)), one_line(row.scenario));
        out += fmt::format("      {}: {}", one_line(guilty_text(row)), one_line(conviction_text(row)));
        if (row.convicted()) out += fmt::format(", {} needed", counted(row.guilty.trials.size(), "trial"));
        out += fmt::format("; control {}\n", one_line(control_text(row)));
    }
    if (!bugs.unshown.empty()) out += "\n" + paint.heading("not shown") + "\n";
    for (const auto& bug : bugs.unshown)
        out += fmt::format("{}  {}\n      {}  {}\n", bug.year, one_line(bug.subject),
                           one_line(commits_text(bug.commits)), one_line(bug.reason));
    const std::string sum = sum_text(bugs);
    if (std::ranges::none_of(bugs.rows, &BugRow::is_done)) return out + "\n" + sum + "\n";
    return out + "\n" + (bugs.shown() == bugs.rows.size() ? paint.good(sum) : paint.bad(sum)) + "\n";
}

std::string known_bugs_json(const KnownBugs& bugs) {
    BugJson json = {{"schema", 1},
                    {"shown", bugs.shown()},
                    {"interrupted", bugs.interrupted},
                    {"exit_status", bugs.exit_status()},
                    {"seconds", bugs.seconds},
                    {"bugs", BugJson::array()},
                    {"not_shown", BugJson::array()}};
    for (const auto& row : bugs.rows)
        json["bugs"].push_back({{"scenario", row.scenario},
                                {"commits", row.bug.commits},
                                {"subject", row.bug.subject},
                                {"year", row.bug.year},
                                {"shown", row.is_shown()},
                                {"convicted", row.convicted()},
                                {"control_held", row.control_held()},
                                {"guilty", side_json(row.guilty)},
                                {"innocent", side_json(row.innocent)}});
    for (const auto& bug : bugs.unshown)
        json["not_shown"].push_back(
            {{"commits", bug.commits}, {"subject", bug.subject}, {"year", bug.year}, {"reason", bug.reason}});
    return json_document(json);
}

std::string known_bugs_markdown(const KnownBugs& bugs) {
    std::string out = "# Known bugs\n\n" + sum_text(bugs) + "\n\n";
    out += "| year | bug | commit | kernel | scenario | convicted by | trials needed | control |\n";
    out += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const auto& row : bugs.rows)
        out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", row.bug.year, md_escaped(row.bug.subject),
                           md_escaped(commits_text(row.bug.commits)), md_escaped(guilty_text(row)),
                           md_escaped(row.scenario), md_escaped(conviction_text(row)), needed_text(row),
                           md_escaped(control_text(row)));
    if (bugs.unshown.empty()) return out;
    out += "\n| year | bug | commit | why it is not shown |\n| --- | --- | --- | --- |\n";
    for (const auto& bug : bugs.unshown)
        out += fmt::format("| {} | {} | {} | {} |\n", bug.year, md_escaped(bug.subject),
                           md_escaped(commits_text(bug.commits)), md_escaped(bug.reason));
    return out;
}

}  // namespace memrig
