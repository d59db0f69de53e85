// Puts campaigns in the order of time: the results of each arm, night by night, and the first night of each finding.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/text.h"
#include "campaign/summary.h"

namespace memrig {

// One fingerprint in one cell, over all nights.
struct FindingHistory {
    std::string key;
    const CellFinding* finding = nullptr;  // from the last night that has it
    std::size_t first = 0, last = 0;       // indices into History::nights
    unsigned nights = 0, trials = 0;       // how many have it
};

struct History {
    std::vector<CampaignSummary> nights;   // in the order of their starts
    std::vector<std::string> keys;         // of all cells, in the order of their first night
    std::vector<FindingHistory> findings;  // the finding with the latest first night comes first
};

History history_of(std::vector<CampaignSummary> nights);

// Returns the campaign directories among `directories` and directly inside them. Fault::user_input if one holds none.
Result<std::vector<std::filesystem::path>> campaigns_in(const std::vector<std::filesystem::path>& directories);

std::string history_text(const History& history, const Paint& paint);
// The schema is in docs/campaigns.md.
std::string history_json(const History& history);

}  // namespace memrig
