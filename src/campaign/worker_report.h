// Reads what a campaign's worker left: the result of its trial, or its error message.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "campaign/store.h"

namespace memrig {

// The result of one trial, from its worker's results.json.
struct WorkerReport {
    std::string skipped, not_set_up;
    CampaignResult result;
};

// Nothing if the file is not there or is no report of one trial: a worker is our own program, but its file may be cut
// short.
std::optional<WorkerReport> read_worker_report(const std::filesystem::path& directory);

// Returns the last line that a worker wrote to its log, which is its error message. Empty if there is none.
std::string last_line_of(const std::filesystem::path& log);

}  // namespace memrig
