// Reads results.json, which a run leaves in its directory, into the form in which a campaign keeps its results.
#pragma once

#include <filesystem>

#include "campaign/store.h"

namespace memrig {

struct RunRecord {
    CampaignRecord record;  // a cell for each arm; `name`, `plan` and the ends of the trials are not known
    bool interrupted = false;
    int exit_status = 0;
    double seconds = 0;
};

// Fails with Fault::user_input if there is no results.json, or if it is not what memrig writes. The file may be damaged
// or forged: a trial without a verdict makes it damaged, and other fields that are missing are left empty.
Result<RunRecord> read_run_record(const std::filesystem::path& directory);

}  // namespace memrig
