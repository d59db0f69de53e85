// The results of trials, arms and runs. The reports are made from these values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "oracle/verdict.h"
#include "schedule/schedule.h"

namespace memrig {

struct TrialResult {
    unsigned number = 0;  // from 1, within its arm
    std::uint64_t seed = 0;
    // The choices that the scenario left open and the seed made: {"onliner.attribute": "state"}.
    std::map<std::string, std::string> choices;
    Verdict verdict = Verdict::inconclusive;
    std::string reason;  // the reason for the verdict, in one line
    std::vector<Finding> findings;
    bool as_expected = false;
    bool did_not_restore = false;  // QEMU refused the saved state, which is stale or damaged: not this trial's fault
    double restore_seconds = 0;    // from the start of the restore until the guest is ready
    double schedule_seconds = 0;   // from the first step to the last
    double verdict_seconds = 0;    // the whole trial: from the start of the restore to the verdict
    std::uint64_t stops = 0;       // how often the probe stopped the guest
    // How often each check was made: rules ("R1", "N2") and oracles ("crash"). A check that is not here was not made.
    std::map<std::string, std::uint64_t> checks;
    // With --observe both: how many lock events the ledger and the observer both saw, or why there was no observer.
    std::optional<std::size_t> observed;
    std::string unobserved;
    std::string host;                 // the host that it ran on, if there are several; else empty
    std::filesystem::path directory;  // its evidence, relative to the run's directory
    Interleaving order;               // explore mode: the order that was played
    bool order_came_to_pass = true;   // explore mode: whether each switch of the order came to pass
};

// The result of explore mode for one arm.
struct ExploreSummary {
    unsigned preemptions = 0;  // the bound on the preemptions of an order
    std::vector<std::string> points, missing_points;
    std::size_t known = 0;       // orders within the bound that the played orders have shown
    std::size_t infeasible = 0;  // switches to an actor that is blocked, or has nothing to do yet
    std::size_t points_passed = 0;
    bool stopped_at_first = false;
};

// Makes the error the trial's verdict: `inconclusive` if it is the guest's, else `rig-fault`.
void blame(TrialResult& result, const Error& error);

// One arm of one scenario on one kernel and bench.
struct ArmResult {
    std::string scenario, kernel, bench, arm;
    Mode mode = Mode::directed;
    std::string purpose;  // the arm's own words, e.g. "acpi_device_hotplug without device_hotplug_lock"
    std::vector<Verdict> expected;
    std::vector<TrialResult> trials;  // in order of their numbers

    unsigned trials_asked = 0;
    std::string skipped;  // why there are no trials, e.g. "this kernel has no SYMBOL"; empty: not skipped
    // Why there are no trials although there should be: the kernel does not boot on the bench, or does not let the
    // bench be prepared (Fault::guest), the rig cannot prepare it (Fault::rig, Fault::host), or the scenario cannot be
    // played there (Fault::user_input).
    std::optional<Error> not_set_up;
    std::optional<ExploreSummary> explored;
    std::filesystem::path journal;  // explore mode: its journal, relative to the run's directory
    std::string kernel_release;     // for tables; see name_kernels()
    // Returns the name of the kernel in tables: its release if name_kernels() set it, else its id or path.
    [[nodiscard]] const std::string& shown_kernel() const { return kernel_release.empty() ? kernel : kernel_release; }
    // Returns whether every trial that was asked for was run and was as expected. For a mutant arm in explore mode:
    // whether each trial was as expected, and at least one has an expected verdict, since the race need not show in
    // all orders. A skipped arm is as expected, since nothing was expected of it. An arm that could not be set up is
    // not.
    [[nodiscard]] bool as_expected() const;
    // Returns the number of trials with one of the expected verdicts.
    [[nodiscard]] std::size_t convicted() const;
    // Returns whether the trial shows what explore mode looks for: in the control arm a trial that is not as
    // expected, in a mutant arm an expected verdict.
    [[nodiscard]] bool is_shown_by(const TrialResult& trial) const;
    [[nodiscard]] bool is_control() const { return arm == "control"; }
    [[nodiscard]] std::map<Verdict, unsigned> counts() const;
    // Returns how many of the trials that held could not check all that their schedule asks for on this kernel.
    [[nodiscard]] unsigned held_with_gaps() const;
};

struct KernelIdentity {
    std::string id, release, sha256;
    double boot_seconds = 0;  // to the agent's greeting, in the boot before the guest was saved
};

// The share of one host in a run with several hosts.
struct HostShare {
    std::string name, qemu_version;
    unsigned trials = 0;
    std::string lost;  // why it was lost; empty if it was not
};

struct RunResults {
    std::string memrig_version;
    std::string qemu_version;
    std::string accelerator;
    std::string started;  // ISO 8601, UTC
    std::uint64_t seed = 0;
    unsigned jobs = 1;
    std::vector<KernelIdentity> kernels;
    std::vector<ArmResult> arms;
    std::vector<HostShare> hosts;  // empty if there is only one
    // Explore mode: the units into which all arms together can be split (Portion).
    std::uint64_t units = 0;
    bool interrupted = false;
    std::string fault;  // what ended the run early; the trials so far are kept; empty if nothing did
    double seconds = 0;

    // A kExit... status of base/exit_status.h. A run with a `fault` gives kExitRigFault, and so does an arm that
    // the rig could not set up. A run without trials gives kExitNothingRun, and so does an arm that the guest did not
    // let be set up.
    [[nodiscard]] int exit_status() const;
};

// Sets the release of each arm whose kernel was given by its path. Two paths with one release keep their paths, so that
// tables tell them apart.
void name_kernels(RunResults& results);

struct Spread {
    double median = 0, p95 = 0;
};
// The values may have any order. Without values, both figures are 0. p95 is the nearest rank.
Spread spread_of(std::vector<double> values);

}  // namespace memrig
