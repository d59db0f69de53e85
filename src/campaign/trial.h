// One trial: restore, arm, schedule, verdict, evidence.
#pragma once

#include <filesystem>
#include <memory>

#include "campaign/results.h"
#include "machine/guest_store.h"
#include "scenario/scenario.h"

namespace memrig {

struct TrialOrder {
    std::shared_ptr<const PreparedGuest> guest;
    const Scenario& scenario;
    const ScenarioArm& arm;
    unsigned number = 1;
    std::uint64_t seed = 0;
    std::map<std::string, std::string> attributes;  // by onliner: chosen of its attributes
    std::filesystem::path directory;                // made here; this trial's alone
};

// What goes wrong on our side is the verdict `rig-fault`; what the guest does not let us see is `inconclusive`. An error is
// only the user's request to stop, or input that QEMU refuses. Runs on the caller's thread from beginning to end.
Result<TrialResult> run_trial(Backend& backend, const TrialOrder& order);

}  // namespace memrig
