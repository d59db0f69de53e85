// What changed from one campaign to another.
//
// A rate changed where the 95% intervals of the two do not meet, and not before: with few trials, much is chance. A conviction in a control arm
// counts always, whatever the rates and the older campaign say, unless the plan lists it as known.
#pragma once

#include <string>
#include <vector>

#include "base/text.h"
#include "campaign/summary.h"

namespace memrig {

enum class Change { none, better, worse };

// Of one arm on one kernel and bench; `before` and `after` are null where that campaign does not have it.
struct CellComparison {
    std::string key;
    const CellSummary* before = nullptr;
    const CellSummary* after = nullptr;
    Change rate = Change::none;         // of what is as expected
    std::vector<std::string> verdicts;  // whose shares changed: "oops: 0 of 10, now 9 of 10"
    // The times' medians differ by more than a fifth and by more than three robust standard deviations (1.4826 times the larger median
    // absolute deviation), with at least kFewestTimes trials each. No regression by itself: a host may have been busy.
    bool drifted = false;
    std::vector<std::string> regressions;  // what makes it one
    [[nodiscard]] bool changed() const;
};
inline constexpr std::size_t kFewestTimes = 5;

struct FindingComparison {
    std::string key;  // the cell's
    const CellFinding* finding = nullptr;
    unsigned before = 0, after = 0;  // trials that it was found in
    bool sure = false;               // the rates' intervals do not meet: it did not come or go by chance
};

struct Comparison {
    const CampaignSummary* before = nullptr;
    const CampaignSummary* after = nullptr;
    std::vector<CellComparison> cells;  // as in the newer campaign, then those that it lacks
    std::vector<FindingComparison> fresh, gone, standing;
    [[nodiscard]] bool regressed() const;
};

// Both nights outlive it.
Comparison compare_nights(const CampaignSummary& before, const CampaignSummary& after);

std::string comparison_text(const Comparison& comparison, const Paint& paint);
// Schema in docs/campaigns.md.
std::string comparison_json(const Comparison& comparison);

}  // namespace memrig
