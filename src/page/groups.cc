#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/statistics.h"
#include "base/text.h"
#include "page/parts.h"

namespace memrig::page {

namespace {

std::optional<Verdict> verdict_of(const StoredResult& result) { return parse_verdict(result.verdict); }

// Returns the findings of a result that accuse the kernel. If there are none and the result was unexpected, returns its
// verdict with the reason.
std::vector<Finding> findings_of(const StoredResult& result) {
    std::vector<Finding> told;
    for (auto& finding : parse_findings(result.findings))
        if (accuses(finding)) told.push_back(std::move(finding));
    if (told.empty() && !result.as_expected)
        told.push_back({"verdict",
                        verdict_of(result).value_or(Verdict::rig_fault),
                        result.reason,
                        {},
                        SentenceKey{result.reason}});
    return told;
}

std::set<std::string> hashes_of(const std::vector<LoadedCampaign>& campaigns) {
    std::set<std::string> hashes;
    for (const auto& campaign : campaigns)
        for (const auto& result : campaign.record.results)
            for (const auto& finding : findings_of(result)) hashes.insert(fingerprint_of(finding).hash);
    return hashes;
}

}  // namespace

Look look_of(std::string_view verdict, bool as_expected) {
    const auto known = parse_verdict(verdict);
    if (known == Verdict::rig_fault) return {"fault", "!"};
    if (as_expected) return {"good", "✓"};
    if (known == Verdict::inconclusive) return {"undecided", "?"};
    return {"bad", "✗"};
}

Look look_of(const CellProgress& cell) {
    if (!cell.skipped.empty()) return {"none", "–"};
    if (!cell.not_set_up.empty()) return {"undecided", "?"};
    if (cell.done == 0) return {"undecided", "…"};
    if (cell.verdicts.contains(to_string(Verdict::rig_fault))) return {"fault", "!"};
    if (cell.as_expected + cell.known == cell.done) return {"good", "✓"};
    // If each unexpected result is inconclusive, nothing is proven.
    const auto unproven = cell.verdicts.find(to_string(Verdict::inconclusive));
    const unsigned open = unproven == cell.verdicts.end() ? 0 : unproven->second;
    return cell.done - cell.as_expected - cell.known <= open ? Look{"undecided", "?"} : Look{"bad", "✗"};
}

std::vector<Group> groups_of(const LoadedCampaign& now, const std::vector<LoadedCampaign>& before) {
    const CampaignRecord& record = now.record;
    std::map<std::string, Group> groups;
    const auto seen_before = hashes_of(before);
    for (std::size_t i = 0; i < record.results.size(); i++) {
        const StoredResult& result = record.results[i];
        const bool is_known = now.night.known_results[i];
        const bool is_unexpected = !result.as_expected && !is_known;
        std::set<std::string> told;  // several findings of a trial with the same fingerprint count once
        for (auto& finding : findings_of(result)) {
            Fingerprint print = fingerprint_of(finding);
            if (!told.insert(print.hash).second) continue;
            Group& group = groups[print.hash];
            if (group.count == 0 || (is_unexpected && group.unexpected == 0)) {
                group.verdict = to_string(finding.verdict);
                group.summary = std::move(finding.summary);
                group.details = std::move(finding.details);
                group.first = i;
            }
            group.count++;
            group.unexpected += is_unexpected;
            group.known += is_known;
            const auto& found = now.night.cells[result.trial.cell].findings;
            if (const auto one = found.find(print.hash); one != found.end() && group.why_known.empty())
                group.why_known = one->second.known;
            if (group.cells.empty() || group.cells.back() != result.trial.cell)
                group.cells.push_back(result.trial.cell);
            group.is_new = !seen_before.contains(print.hash);
            group.print = std::move(print);
        }
    }
    std::vector<Group> list;
    for (auto& [hash, group] : groups) list.push_back(std::move(group));
    std::ranges::stable_sort(list, [](const Group& a, const Group& b) {
        if ((a.unexpected > 0) != (b.unexpected > 0)) return a.unexpected > 0;
        if (a.is_new != b.is_new) return a.is_new;
        const int left = gravity(parse_verdict(a.verdict).value_or(Verdict::rig_fault));
        const int right = gravity(parse_verdict(b.verdict).value_or(Verdict::rig_fault));
        return left != right ? left < right : a.count > b.count;
    });
    return list;
}

std::string bounded(std::string_view text, std::size_t columns) {
    // A character has at most four bytes, so megabytes of text need not be scanned.
    return cut(one_line(text.substr(0, columns * 8)), columns);
}

std::string rate_text(unsigned as_expected, unsigned done) {
    if (done == 0) return "none";
    const Interval interval = wilson_interval(as_expected, done);
    return fmt::format("{:.1f}% ({:.1f}% to {:.1f}%)", 100.0 * as_expected / done, 100 * interval.low,
                       100 * interval.high);
}

}  // namespace memrig::page
