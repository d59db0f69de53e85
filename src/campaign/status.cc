#include "campaign/status.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/exit_status.h"
#include "base/json_text.h"
#include "base/statistics.h"
#include "campaign/summary.h"
#include "oracle/verdict.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

std::string verdicts_of(const CellProgress& one) {
    if (one.is_left_out()) return one.left_out_text();
    return one.verdicts.empty() ? "" : counts_text(one.verdicts);
}

bool worth_telling(const std::vector<HostProgress>& hosts) {
    return std::ranges::any_of(hosts, [](const HostProgress& host) { return host.name != "qemu"; });
}

std::string hosts_text(const std::vector<HostProgress>& hosts, const Paint& paint) {
    std::string out;
    if (!worth_telling(hosts)) return out;
    for (const auto& host : hosts) {
        std::string line = fmt::format("{}: {}", one_line(host.name), counted(host.done, "trial"));
        if (host.running > 0) line += fmt::format("  {} running", host.running);
        if (host.lost > 0) line += fmt::format("  {} lost with the host", host.lost);
        out += (host.lost == 0 ? line : paint.bad(line)) + "\n";
    }
    return out;
}

// The arm, the trials that are done, the verdicts, and the rest.
std::vector<std::string> status_row(const CellProgress& one) {
    std::vector<std::string> rest;
    if (one.done > 0) {
        const Interval rate = wilson_interval(one.as_expected, one.done);
        rest.push_back(fmt::format("as expected {:.0f}% to {:.0f}%", 100 * rate.low, 100 * rate.high));
    }
    if (one.known > 0) rest.push_back(fmt::format("{} known", one.known));
    if (one.running > 0) rest.push_back(fmt::format("{} running", one.running));
    if (one.run_again > 0 && !one.is_left_out()) rest.push_back(fmt::format("{} run again", one.run_again));
    return {one_line(one.cell.title()), fmt::format("{}/{}", one.done, one.cell.trials), one_line(verdicts_of(one)),
            fmt::format("{}", fmt::join(rest, "  "))};
}

}  // namespace

CampaignSum sum_of(const std::vector<CellProgress>& cells) {
    CampaignSum sum;
    for (const auto& one : cells) {
        sum.done += one.done;
        sum.as_expected += one.as_expected;
        sum.known += one.known;
        sum.running += one.running;
        sum.skipped += !one.skipped.empty();
        sum.not_set_up += !one.not_set_up.empty();
        if (one.is_left_out()) continue;
        sum.run_again += one.run_again;
        sum.planned += std::max(one.cell.trials, one.done);
    }
    return sum;
}

int campaign_exit_status(const std::vector<CellProgress>& cells) {
    const CampaignSum sum = sum_of(cells);
    if (std::ranges::any_of(
            cells, [](const CellProgress& one) { return one.verdicts.contains(to_string(Verdict::rig_fault)); }))
        return kExitRigFault;
    if (sum.unexpected() != 0) return kExitNotAsExpected;
    const bool gap = std::ranges::any_of(cells, [](const CellProgress& one) {
        return !one.not_set_up.empty() || (one.skipped.empty() && one.done == 0);
    });
    return sum.done == 0 || gap ? kExitNothingRun : kExitGood;
}

std::string campaign_status_text(const std::string& name, const std::vector<CellProgress>& cells,
                                 const std::vector<HostProgress>& hosts, const Paint& paint, std::size_t width) {
    std::vector<std::vector<std::string>> rows;
    rows.reserve(cells.size());
    for (const auto& one : cells) rows.push_back(status_row(one));
    const auto painted = [&](std::size_t row, std::size_t, const std::string& text) {
        const CellProgress& one = cells[row];
        const bool is_good = one.as_expected + one.known == one.done && one.not_set_up.empty();
        return is_good ? text : paint.bad(text);
    };
    std::string out = paint.heading(one_line(name)) + "\n";
    out += table_text({{""}, {"", true}, {""}, {""}}, rows, width, painted);
    out += hosts_text(hosts, paint);
    const CampaignSum sum = sum_of(cells);
    const std::string closing =
        fmt::format("{} of {} trials done, {} as expected{}{}{}", sum.done, sum.planned, sum.as_expected,
                    sum.known == 0 ? "" : fmt::format(", {} known", sum.known),
                    sum.skipped == 0 ? "" : fmt::format("; {} of {} arms skipped", sum.skipped, cells.size()),
                    sum.not_set_up == 0 ? "" : fmt::format("; {} of {} arms not set up", sum.not_set_up, cells.size()));
    return out + (sum.unexpected() == 0 && sum.not_set_up == 0 ? paint.good(closing) : paint.bad(closing)) + "\n";
}

std::string campaign_status_json(const std::string& name, const std::vector<CellProgress>& cells,
                                 const std::vector<HostProgress>& hosts) {
    const CampaignSum sum = sum_of(cells);
    Json json = {{"schema", 1},
                 {"name", name},
                 {"planned", sum.planned},
                 {"done", sum.done},
                 {"as_expected", sum.as_expected},
                 {"known", sum.known},
                 {"running", sum.running},
                 {"exit_status", campaign_exit_status(cells)}};
    json["hosts"] = Json::array();
    for (const auto& host : hosts)
        json["hosts"].push_back(
            {{"name", host.name}, {"done", host.done}, {"running", host.running}, {"lost", host.lost}});
    json["cells"] = Json::array();
    for (const auto& one : cells) {
        Json cell = {{"scenario", one.cell.scenario},  {"kernel", one.cell.kernel},
                     {"bench", one.cell.bench},        {"arm", one.cell.arm},
                     {"trials", one.cell.trials},      {"done", one.done},
                     {"as_expected", one.as_expected}, {"known", one.known},
                     {"running", one.running},         {"run_again", one.run_again},
                     {"verdicts", one.verdicts},       {"seconds", one.seconds}};
        if (!one.skipped.empty()) cell["skipped"] = one.skipped;
        if (!one.not_set_up.empty()) cell["not_set_up"] = one.not_set_up;
        json["cells"].push_back(std::move(cell));
    }
    return json_document(json);
}

}  // namespace memrig
