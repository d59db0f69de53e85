// Tells the parts of a trial that the rig does not have, so that the trial proves nothing unless it convicts. Each line
// is one for TrialEvidence::lacks. All functions only read their arguments, so they are thread-safe.
#pragma once

#include <string>
#include <vector>

#include "console/report.h"
#include "machine/console_log.h"
#include "watch/lock_ledger.h"

namespace memrig {

// Returns a line for each limit of the rig that the trial passed. `ledger` is null if none was kept.
std::vector<std::string> passed_limits(const ConsoleLog& console, const ConsoleReport& report,
                                       const LockLedger* ledger);

}  // namespace memrig
