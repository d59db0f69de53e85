// One trial: restore, arm, play, verdict, evidence.
#pragma once

#include <filesystem>
#include <memory>
#include <set>

#include "machine/guest_store.h"
#include "play/interleaver.h"
#include "run/results.h"
#include "scenario/scenario.h"

namespace memrig {

// How trials are played and judged, the same for all of a run.
struct TrialOptions {
    Mode mode = Mode::directed;
    std::set<std::string> oracles;    // empty: all
    unsigned preemptions = 2;         // of explore mode
    std::vector<std::string> points;  // of explore mode; empty: the scenario's, else the default ones
    std::vector<std::string> settings;
    bool lock_trace = false;  // compares the ledger with the kernel's own lock tracepoints (lockdep kernels)
    // False: only what the schedule's own evidence needs is watched, and no rule and no order is judged.
    bool ledger = true;
};

struct TrialSpec {
    std::shared_ptr<const PreparedGuest> guest;
    const Scenario& scenario;
    const ScenarioArm& arm;
    unsigned number = 1;
    std::uint64_t seed = 0;
    std::map<std::string, std::string> attributes;  // by onliner: chosen of its attributes
    std::filesystem::path directory;                // made here; this trial's alone
    TrialOptions manner = {};
    Interleaving order = {};  // of explore mode
    bool keep_machine = false;
    std::string host = {};  // the backend's name, where it is one of several
};

struct TrialOutcome {
    TrialResult result;
    Branches branches;  // of explore mode
    std::vector<std::string> missing_points;
    std::unique_ptr<Machine> machine;  // as its judge left it, where it was to be kept; null where there was none
};

// The points of explore mode: the user's, else the scenario's, else the default ones.
std::vector<std::string> points_of(const TrialOptions& manner, const Scenario& scenario);

// What goes wrong on our side is the verdict `rig-fault`; what the guest does not let us see is `inconclusive`. An error is
// only the user's request to stop, or input that QEMU refuses. Runs on the caller's thread from beginning to end.
Result<TrialOutcome> run_trial(Host& backend, const TrialSpec& order);

}  // namespace memrig
