// Campaigns in the order of time: what each arm came to, night by night, and when a finding was first seen.
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
    const CellFinding* finding = nullptr;  // of the last night that saw it
    std::size_t first = 0, last = 0;       // nights, from 0
    unsigned nights = 0, trials = 0;       // that saw it
};

struct History {
    std::vector<CampaignSummary> nights;   // by when they were begun
    std::vector<std::string> keys;         // of all cells, in the order of their first night
    std::vector<FindingHistory> findings;  // the latest newcomer first
};

History history_of(std::vector<CampaignSummary> nights);

// Campaigns' directories and folders of such. Fault::user_input where there is none.
Result<std::vector<std::filesystem::path>> campaigns_in(const std::vector<std::filesystem::path>& directories);

std::string history_text(const History& history, const Paint& paint);
// Schema in docs/campaigns.md.
std::string history_json(const History& history);

}  // namespace memrig
