#include "campaign/comparison.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kDeviations = 3;
// In a normal distribution, the standard deviation divided by the median absolute deviation.
constexpr double kToStandard = 1.4826;
constexpr double kLeastDrift = 0.2;

// Returns Change::none if the intervals meet.
Change change_of(const Interval& before, const Interval& after) {
    return after.high < before.low ? Change::worse : after.low > before.high ? Change::better : Change::none;
}

bool have_drifted(const Times& before, const Times& after) {
    if (std::min(before.count, after.count) < kFewestTimes) return false;
    const double shift = std::abs(after.median - before.median);
    return shift > kLeastDrift * before.median &&
           shift > kDeviations * kToStandard * std::max(before.deviation, after.deviation);
}

std::string rate_text(const CellSummary* cell) {
    if (cell == nullptr) return "not in this campaign";
    if (!cell->progress.skipped.empty()) return "skipped: " + one_line(cell->progress.skipped);
    if (!cell->progress.not_set_up.empty()) return "not set up: " + one_line(cell->progress.not_set_up);
    const Interval rate = cell->rate();
    return fmt::format("{} of {} as expected ({:.0f}% to {:.0f}%), {}", cell->good(), cell->progress.done,
                       100 * rate.low, 100 * rate.high, counts_text(cell->progress.verdicts));
}

bool has_run(const CellSummary* cell) { return cell != nullptr && cell->progress.done > 0; }

// Returns what the older campaign showed and the newer one no longer does; empty if there is nothing.
std::string lost_coverage(const CellSummary* before, const CellSummary* after) {
    if (!has_run(before)) return "";
    const std::string was = fmt::format("{} before", counted(before->progress.done, "trial"));
    if (after == nullptr) return was + ", now not in the campaign";
    if (after->progress.is_left_out()) return was + ", now " + rate_text(after);
    if (!has_run(after)) return was + ", now none";
    // The rates of few trials may meet, but a mutant that nothing convicts any more shows nothing.
    if (before->is_control() || before->good() == 0 || after->good() > 0) return "";
    return fmt::format("{} of {} trials convicted the mutant, now none of {}", before->good(), before->progress.done,
                       after->progress.done);
}

CellComparison compare_cells(const std::string& key, const CellSummary* before, const CellSummary* after) {
    CellComparison made{key, before, after, Change::none, {}, false, {}};
    if (after != nullptr && after->convictions > 0)
        made.regressions.push_back(fmt::format("{} of a control convict the kernel: {}",
                                               counted(after->convictions, "trial"), after->conviction));
    if (const std::string lost = lost_coverage(before, after); !lost.empty()) made.regressions.push_back(lost);
    if (before == nullptr || after == nullptr) return made;
    made.rate = change_of(before->rate(), after->rate());
    if (made.rate == Change::worse)
        made.regressions.push_back(fmt::format("{} of {} trials were as expected, now {} of {}", before->good(),
                                               before->progress.done, after->good(), after->progress.done));
    std::map<std::string, std::pair<unsigned, unsigned>> verdicts;
    for (const auto& [verdict, count] : before->progress.verdicts) verdicts[verdict].first = count;
    for (const auto& [verdict, count] : after->progress.verdicts) verdicts[verdict].second = count;
    for (const auto& [verdict, counts] : verdicts)
        if (change_of(wilson_interval(counts.first, before->progress.done),
                      wilson_interval(counts.second, after->progress.done)) != Change::none)
            made.verdicts.push_back(fmt::format("{}: {} of {}, now {} of {}", one_line(verdict), counts.first,
                                                before->progress.done, counts.second, after->progress.done));
    for (const auto& gap : after->gaps)
        if (!before->gaps.contains(gap)) made.regressions.push_back("what was checked is not checked any more: " + gap);
    made.drifted = have_drifted(before->seconds, after->seconds);
    return made;
}

void compare_findings(Comparison& comparison, const CellComparison& cell) {
    static const std::map<std::string, CellFinding> none;
    const auto& before = cell.before == nullptr ? none : cell.before->findings;
    const auto& after = cell.after == nullptr ? none : cell.after->findings;
    const unsigned trials_before = cell.before == nullptr ? 0 : cell.before->progress.done;
    const unsigned trials_after = cell.after == nullptr ? 0 : cell.after->progress.done;
    const auto sure = [&](unsigned one, unsigned other) {
        return change_of(wilson_interval(one, trials_before), wilson_interval(other, trials_after)) != Change::none;
    };
    for (const auto& [hash, finding] : after) {
        const auto old = before.find(hash);
        const unsigned count = old == before.end() ? 0 : old->second.trials;
        (count == 0 ? comparison.fresh : comparison.standing)
            .push_back({cell.key, &finding, count, finding.trials, sure(count, finding.trials)});
    }
    for (const auto& [hash, finding] : before)
        if (!after.contains(hash))
            comparison.gone.push_back({cell.key, &finding, finding.trials, 0, sure(finding.trials, 0)});
}

void add_findings(std::string& out, const CampaignSummary& night, const std::vector<FindingComparison>& findings,
                  const char* title, const Paint& paint) {
    if (findings.empty()) return;
    out += "\n" + paint.heading(title) + "\n";
    for (const auto& one : findings) {
        out += fmt::format("{}  {}\n    {}: {}, was {}{}{}\n", one.finding->fingerprint.hash,
                           one.finding->fingerprint.text, one_line(one.key), counted(one.after, "trial"), one.before,
                           one.sure ? "" : "; this may be chance",
                           one.finding->known.empty() ? "" : "; " + one.finding->known);
        out += fmt::format("    evidence: {}\n", one_line((night.directory / one.finding->evidence).string()));
    }
}

Json cell_json(const CellSummary* cell) {
    if (cell == nullptr) return nullptr;
    const Interval rate = cell->rate();
    Json json = {{"trials", cell->progress.done},
                 {"as_expected", cell->progress.as_expected},
                 {"known", cell->known},
                 {"interval_95", {rate.low, rate.high}},
                 {"verdicts", cell->progress.verdicts},
                 {"seconds", {{"median", cell->seconds.median}, {"deviation", cell->seconds.deviation}}}};
    if (!cell->progress.skipped.empty()) json["skipped"] = cell->progress.skipped;
    if (!cell->progress.not_set_up.empty()) json["not_set_up"] = cell->progress.not_set_up;
    return json;
}

Json findings_json(const std::vector<FindingComparison>& findings) {
    Json list = Json::array();
    for (const auto& one : findings) {
        Json json = {{"fingerprint", one.finding->fingerprint.hash},
                     {"text", one.finding->fingerprint.text},
                     {"cell", one.key},
                     {"before", one.before},
                     {"after", one.after},
                     {"sure", one.sure},
                     {"evidence", one.finding->evidence.generic_string()}};
        if (!one.finding->known.empty()) {
            json["known"] = one.finding->known;
            json["expired"] = one.finding->state == KnownState::expired;
        }
        list.push_back(std::move(json));
    }
    return list;
}

Json night_json(const CampaignSummary& night) {
    return {{"directory", night.directory.generic_string()},
            {"name", night.name},
            {"started", night.started},
            {"ended", night.ended},
            {"memrig", night.versions},
            {"releases", night.releases}};
}

}  // namespace

bool CellComparison::changed() const {
    return !regressions.empty() || rate != Change::none || !verdicts.empty() || drifted ||
           has_run(before) != has_run(after);
}

bool Comparison::regressed() const {
    return std::ranges::any_of(cells, [](const CellComparison& cell) { return !cell.regressions.empty(); });
}

Comparison compare_nights(const CampaignSummary& before, const CampaignSummary& after) {
    Comparison comparison{&before, &after, {}, {}, {}, {}};
    std::unordered_map<std::string, const CellSummary*> old;
    for (const auto& cell : before.cells) old[cell.progress.cell.key()] = &cell;
    for (const auto& cell : after.cells) {
        const std::string key = cell.progress.cell.key();
        const auto found = old.find(key);
        comparison.cells.push_back(compare_cells(key, found == old.end() ? nullptr : found->second, &cell));
        if (found != old.end()) old.erase(found);
    }
    for (const auto& cell : before.cells)
        if (const std::string key = cell.progress.cell.key(); old.contains(key))
            comparison.cells.push_back(compare_cells(key, &cell, nullptr));
    for (const auto& cell : comparison.cells) compare_findings(comparison, cell);
    return comparison;
}

std::string comparison_text(const Comparison& comparison, const Paint& paint) {
    const auto heading = [](const CampaignSummary& night) {
        return fmt::format("{} ({}, {})", one_line(night.directory.string()), one_line(night.name),
                           one_line(night.started));
    };
    std::string out = fmt::format("{} to {}\n", heading(*comparison.before), heading(*comparison.after));
    std::size_t changed = 0, better = 0, worse = 0;
    for (const auto& cell : comparison.cells) {
        if (!cell.changed()) continue;
        changed++;
        better += cell.rate == Change::better;
        worse += !cell.regressions.empty();
        out += "\n" + (cell.regressions.empty() ? paint.heading(one_line(cell.key)) : paint.bad(one_line(cell.key))) +
               "\n";
        out += fmt::format("  was  {}\n  is   {}\n", rate_text(cell.before), rate_text(cell.after));
        for (const auto& text : cell.regressions) out += paint.bad("  REGRESSION: " + one_line(text)) + "\n";
        if (cell.rate == Change::better) out += paint.good("  better: more trials are as expected") + "\n";
        for (const auto& text : cell.verdicts) out += fmt::format("  changed: {}\n", text);
        if (cell.drifted)
            out += fmt::format("  time of a trial: {}, was {}\n", short_time(cell.after->seconds.median),
                               short_time(cell.before->seconds.median));
    }
    add_findings(out, *comparison.after, comparison.fresh, "New findings", paint);
    add_findings(out, *comparison.before, comparison.gone, "Findings that were not seen again", paint);
    for (const auto& note : comparison.after->notes) out += "\nnote: " + one_line(note);
    if (!comparison.after->notes.empty()) out += "\n";
    const std::string closing =
        fmt::format("{}: {} worse, {} better, {} changed in all; {} new, {} gone, {} standing",
                    counted(comparison.cells.size(), "arm"), worse, better, changed,
                    counted(comparison.fresh.size(), "finding"), comparison.gone.size(), comparison.standing.size());
    return out + "\n" + (comparison.regressed() ? paint.bad(closing) : paint.good(closing)) + "\n";
}

std::string comparison_json(const Comparison& comparison) {
    Json json = {{"schema", 1},
                 {"before", night_json(*comparison.before)},
                 {"after", night_json(*comparison.after)},
                 {"regressed", comparison.regressed()}};
    json["cells"] = Json::array();
    for (const auto& cell : comparison.cells) {
        const PlanCell& names = (cell.after != nullptr ? cell.after : cell.before)->progress.cell;
        json["cells"].push_back({{"scenario", names.scenario},
                                 {"kernel", names.kernel},
                                 {"bench", names.bench},
                                 {"arm", names.arm},
                                 {"before", cell_json(cell.before)},
                                 {"after", cell_json(cell.after)},
                                 {"rate", cell.rate == Change::none     ? "same"
                                          : cell.rate == Change::better ? "better"
                                                                        : "worse"},
                                 {"verdicts_changed", cell.verdicts},
                                 {"time_drifted", cell.drifted},
                                 {"regressions", cell.regressions}});
    }
    json["findings"] = {{"new", findings_json(comparison.fresh)},
                        {"gone", findings_json(comparison.gone)},
                        {"standing", findings_json(comparison.standing)}};
    json["notes"] = comparison.after->notes;
    return json_document(json);
}

}  // namespace memrig
