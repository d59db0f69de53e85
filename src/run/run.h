// Runs trials of scenarios × kernels × benches × arms (`memrig run`). The trials are spread over worker threads, and
// each one leaves its evidence on disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/machine.h"
#include "run/portion.h"
#include "run/results.h"
#include "run/trial.h"

namespace memrig {

struct RunSpec {
    std::vector<std::string> scenarios;                       // names or paths
    std::vector<std::string> kernels = {"debian-6.1-amd64"};  // ids or paths
    std::filesystem::path modules;  // the folder of its modules, for a single kernel by path; see resolve_kernel()
    // Empty: the first bench of the scenario for the kernel's architecture.
    std::string bench;
    // A scenario without a bench for the kernel's architecture is skipped instead of an error. With several scenarios,
    // this is always so.
    bool skip_other_machines = false;
    std::string emulator;     // an id or a path; empty: the one in PATH
    std::string arm = "all";  // "control", the name of a mutant arm, or "all"
    // Trials of each arm; 0: as many as the scenario says. In explore mode, the most trials of each arm; 0: all orders.
    unsigned trials = 0;
    unsigned jobs = 1;
    std::optional<std::uint64_t> seed;  // default: random (0 in explore mode), in RunResults
    std::filesystem::path out;          // created if needed; must be empty, unless `resume`
    std::string accelerator = "auto";
    // The options for playing the trials. The settings ("actor.key=value") fix choices that the scenario leaves open.
    // In explore mode, the scenario's settings for that mode are applied before them.
    TrialOptions manner = {};
    bool resume = false;  // explore mode: resumes the interrupted run in `out`
    // Explore mode: the part that is played. Anything but the whole needs `resume`.
    Portion portion = {};
    bool stop_at_first = false;  // explore mode: plays no more orders of an arm after ArmResult::is_shown_by()
    // Called after each trial, one call at a time. If it returns true, no further trial is begun.
    std::function<bool(const TrialResult&)> enough = {};
    bool keep_guests = true;  // whether guests that this run booted and saved stay in the cache
};

// Receives the progress of a run. Calls come from several threads, one at a time.
class RunObserver {
public:
    virtual ~RunObserver() = default;
    // The run does something that takes a while ("booting debian-6.1-amd64 on q35"). `what` is empty when it is over.
    virtual void busy_with(const std::string& what) = 0;
    // In explore mode, the number may change with each trial that is done.
    virtual void planned(unsigned trials_in_all) = 0;
    virtual void trial_done(const ArmResult& arm, const TrialResult& trial) = 0;
    // The host was lost. No more trials are played on it; its unfinished trials are played again on another host.
    virtual void host_lost(const std::string& host, const std::string& why) {
        (void)host;
        (void)why;
    }
};

// Runs all trials. A failure in a trial becomes the verdict of that trial. The function fails only if the run cannot
// begin (an unknown scenario, no space left), if the input turns out wrong (Fault::user_input), or if an error comes
// before the first result. An arm that cannot be set up, as its kernel does not boot, is ArmResult::not_set_up, and
// the others are played. A later error ends the run early, as RunResults::fault. An interruption of the trials is no
// error: the results so far are returned, with `interrupted` set.
Result<RunResults> run_scenarios(const RunSpec& spec, Host& host, RunObserver& observer);
// The same, spread over several hosts. A trial is the same on each of them. A host that is lost plays no more trials.
// Its unfinished trials are played again on another host; what the lost host left of them is kept as NUMBER.lost-1.
// If no host is left, the run ends early.
Result<RunResults> run_scenarios(const RunSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
