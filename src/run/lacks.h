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

// The points of one order of explore mode.
struct PointsOfOrder {
    bool named = false;                // by the user or by the scenario; else they are the default ones
    std::vector<std::string> missing;  // this kernel has no function for them
    bool passed = false;               // an actor came to one of them
};
// Returns a line for each way in which an order says nothing about its points. Some of the default points may be
// missing: not every kernel has all of them.
std::vector<std::string> lacking_points(const PointsOfOrder& points);

}  // namespace memrig
