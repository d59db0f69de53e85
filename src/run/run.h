// A campaign: trials of scenarios × kernels × benches × arms, spread over worker threads, each leaving its evidence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/machine.h"
#include "run/results.h"
#include "run/trial.h"

namespace memrig {

struct RunSpec {
    std::vector<std::string> scenarios;                       // names or paths
    std::vector<std::string> kernels = {"debian-6.1-amd64"};  // ids or paths
    std::string bench;                                        // empty: the first that the scenario names
    // Of several scenarios it is always so.
    bool skip_other_machines =
        false;                // a scenario without a bench for the kernel's architecture is skipped, and no mistake
    std::string emulator;     // an id or a path; empty: the one in PATH
    std::string arm = "all";  // "control", the name of a mutant arm, or "all"
    unsigned trials = 0;      // 0: as the scenario says; in explore mode the most that are run of an arm, 0: all
    unsigned jobs = 1;
    std::optional<std::uint64_t> seed;  // chosen and reported where not given
    std::filesystem::path out;          // made if need be; has to be empty or not there
    std::string accelerator = "auto";
    // How they are played. Its settings ("actor.key=value") fix what the scenario leaves open; explore mode's own come first.
    TrialOptions manner = {};
    bool resume = false;         // explore mode: goes on where the run in `out` was broken off
    bool stop_at_first = false;  // explore mode: plays no more orders of an arm once one convicts it
    // Told each trial, one at a time; true: no further one is begun.
    std::function<bool(const TrialResult&)> enough = {};
    bool keep_guests = true;  // those that had to be booted stay in the cache
};

// Told what happens, as it happens. Calls come from several threads, one at a time.
class RunObserver {
public:
    virtual ~RunObserver() = default;
    // Something that takes a while ("booting debian-6.1-amd64 on q35"); empty when it is over.
    virtual void busy_with(const std::string& what) = 0;
    // In explore mode more may be planned with each trial that is done.
    virtual void planned(unsigned trials_in_all) = 0;
    virtual void trial_done(const ArmResult& arm, const TrialResult& trial) = 0;
    // No more trials are played there; the one that was is played on another.
    virtual void host_lost(const std::string& host, const std::string& why) {
        (void)host;
        (void)why;
    }
};

// Runs it all. What goes wrong in a trial is that trial's verdict; an error is what kept the campaign from being (an unknown
// scenario, a kernel that does not boot, no space left). An interruption is no error: the results so far come back, marked.
Result<RunResults> run_scenarios(const RunSpec& order, Host& backend, RunObserver& observer);
// The same, spread over several hosts. Which of them plays a trial makes no difference to it. A host that is gone plays no more, and the trial that it was at
// is played again on another; what it left of it is kept beside, as NUMBER.lost-1. Once none is left the run is broken off.
Result<RunResults> run_scenarios(const RunSpec& order, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
