// Runs one trial: restores the guest, arms the probes, plays the schedule, judges it, and writes the evidence.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "machine/guest_store.h"
#include "play/interleaver.h"
#include "run/results.h"
#include "scenario/scenario.h"
#include "watch/armament.h"

namespace memrig {

// The eyes that a trial has for locks.
enum class Observing {
    stops,   // the lock ledger, by stops of the guest
    plugin,  // the lock ledger, by what the observer inside QEMU sees; by stops where there is no observer
    both     // the ledger by stops, and beside it the observer: the two must agree
};
inline constexpr std::array kWaysToObserve = {Observing::stops, Observing::plugin, Observing::both};
const char* to_string(Observing observing);
// Returns the way of that name, or nothing if there is none.
std::optional<Observing> parse_observing(std::string_view name);

// The options for playing and judging trials. They are the same for all trials of a run.
struct TrialOptions {
    Mode mode = Mode::directed;
    std::set<std::string> oracles;    // empty: all
    unsigned preemptions = 2;         // explore mode: the bound
    std::vector<std::string> points;  // explore mode; empty: the scenario's points, or else the default ones
    std::vector<std::string> settings;
    Observing observe = Observing::plugin;
    bool lock_trace = false;  // compares the ledger with the kernel's own lock tracepoints (lockdep kernels)
    // Keeps the lock ledger. If false, only the evidence of the schedule is watched; no rule and no lock order
    // is judged.
    bool ledger = true;
    // Records which calls of these functions the actors make, into calls.json. Empty: none.
    std::vector<std::string> recorded = {};
    bool prototypes =
        false;  // leaves the kernel's BTF in the trial's directory, as the file `btf`; empty if it has none
};

struct TrialSpec {
    std::shared_ptr<const PreparedGuest> guest;
    const Scenario& scenario;
    const ScenarioArm& arm;
    unsigned number = 1;
    std::uint64_t seed = 0;
    std::map<std::string, std::string> attributes;  // by actor: the attribute that it writes to
    std::filesystem::path directory;                // created by run_trial(); for this trial only
    TrialOptions manner = {};
    Interleaving order = {};  // explore mode: the order to play
    bool keep_machine = false;
    std::string host = {};  // the name of the host, if there are several
    // The guest's armament. Nothing: run_trial() asks armed_guest() for both, unless the mode is free.
    std::optional<Armament> armament = {};
    std::optional<MemorySnapshot> before = {};  // the memory at the beginning; nothing: the trial asks the guest
};

struct TrialOutcome {
    TrialResult result;
    Branches branches;  // explore mode: the orders that branch off
    std::vector<std::string> missing_points;
    std::unique_ptr<Machine> machine;  // as it was when judged, if `keep_machine`; null if there is none
};

// The points of explore mode: the user's, or else the scenario's, or else the default ones.
std::vector<std::string> points_of(const TrialOptions& manner, const Scenario& scenario);

// Runs a trial. A failure of the rig or its host becomes the verdict `rig-fault`; what the guest does not let the rig
// see becomes `inconclusive`. Fails only if the user asks to stop (Fault::interrupted), if QEMU or the kernel refuses
// the input (Fault::user_input), or if the trial's directory cannot be written at the beginning (Fault::host). Runs on
// the caller's thread from beginning to end.
Result<TrialOutcome> run_trial(Host& backend, const TrialSpec& order);

}  // namespace memrig
