// Compares two campaigns: rates, verdicts, times and findings.
//
// A rate changed only if the 95% intervals of the two campaigns do not meet: with few trials, much is chance. A
// conviction in a control arm always counts as a regression, whatever the rates and the older campaign say, unless the
// plan lists it as known. An arm that is no longer run, and a mutant that nothing convicts any more, are regressions,
// too.
#pragma once

#include <string>
#include <vector>

#include "base/text.h"
#include "campaign/summary.h"

namespace memrig {

enum class Change { none, better, worse };

// The comparison of one arm on one kernel and bench. `before` or `after` is null if that campaign lacks the arm.
struct CellComparison {
    std::string key;
    const CellSummary* before = nullptr;
    const CellSummary* after = nullptr;
    Change rate = Change::none;         // the rate of expected results
    std::vector<std::string> verdicts;  // those whose shares changed: "oops: 0 of 10, now 9 of 10"
    // The medians of the times differ by more than a fifth and by more than three robust standard deviations (1.4826
    // times the larger median absolute deviation), with at least kFewestTimes trials each. A drift is no regression by
    // itself: a host may have been busy.
    bool drifted = false;
    std::vector<std::string> regressions;  // one line for each reason
    [[nodiscard]] bool changed() const;
};
inline constexpr std::size_t kFewestTimes = 5;

struct FindingComparison {
    std::string key;  // the cell's
    const CellFinding* finding = nullptr;
    unsigned before = 0, after = 0;  // trials that have this finding
    bool sure = false;               // the intervals of the rates do not meet, so the change is no chance
};

struct Comparison {
    const CampaignSummary* before = nullptr;
    const CampaignSummary* after = nullptr;
    std::vector<CellComparison> cells;  // in the order of the newer campaign, then those that it lacks
    std::vector<FindingComparison> fresh, gone, standing;
    [[nodiscard]] bool regressed() const;
};

// Both campaigns must outlive the comparison.
Comparison compare_nights(const CampaignSummary& before, const CampaignSummary& after);

std::string comparison_text(const Comparison& comparison, const Paint& paint);
// The schema is in docs/campaigns.md.
std::string comparison_json(const Comparison& comparison);

}  // namespace memrig
