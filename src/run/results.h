// What trials came to. These are the values that reports are made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oracle/verdict.h"
#include "schedule/schedule.h"

namespace memrig {

struct TrialResult {
    unsigned number = 0;  // from 1, within its arm
    std::uint64_t seed = 0;
    std::map<std::string, std::string>
        choices;  // what the scenario left open and the seed chose: {"onliner.attribute": "state"}
    Verdict verdict = Verdict::inconclusive;
    std::string reason;  // one line: what the verdict rests on
    std::vector<Finding> findings;
    bool as_expected = false;
    bool did_not_restore = false;  // QEMU did not take the saved state: it is stale or damaged, not this trial's doing
    double restore_seconds = 0;    // from the start of the restore to a guest that stands ready
    double schedule_seconds = 0;   // from the first step to the last
    double verdict_seconds = 0;    // the whole trial: from the restore's start to the verdict's end
    std::uint64_t stops = 0;       // how often the probe stopped the guest
    std::string host;              // that it ran on, where there are several
    std::filesystem::path directory;  // its evidence, relative to the run's directory
    Interleaving order;               // of explore mode: the one that was played
    bool order_came_to_pass = true;   // and whether each of its switches did
};

// What explore mode came to, of one arm.
struct ExploreSummary {
    unsigned preemptions = 0;  // the bound
    std::vector<std::string> points, missing_points;
    std::size_t known = 0;       // orders within the bound, as far as those that were run show
    std::size_t infeasible = 0;  // switches that a blocked actor, or one without anything to do, makes impossible
    std::size_t points_passed = 0;
    bool stopped_at_first = false;
};

// One arm of one scenario on one kernel and bench.
struct ArmResult {
    std::string scenario, kernel, bench, arm;
    Mode mode = Mode::directed;
    std::string purpose;  // the arm's own words, e.g. "acpi_device_hotplug without device_hotplug_lock"
    std::vector<Verdict> expected;
    std::vector<TrialResult> trials;  // in order of their numbers

    unsigned trials_asked = 0;
    std::string skipped;  // why there are none: the kernel lacks what the scenario is about
    std::optional<ExploreSummary> explored;
    // Every trial that was asked for was run, and each came out as expected. In explore mode a mutant is as expected if one of its orders
    // was: the race need not show in all. What was skipped is neither a pass nor a failure: nothing was expected.
    [[nodiscard]] bool as_expected() const;
    // How many trials came to one of the expected verdicts.
    [[nodiscard]] std::size_t convicted() const;
    // Whether the trial shows what explore mode looks for: an unexpected result of a control, or an expected verdict of
    // a mutant.
    [[nodiscard]] bool is_shown_by(const TrialResult& trial) const;
    [[nodiscard]] bool is_control() const { return arm == "control"; }
    [[nodiscard]] std::map<Verdict, unsigned> counts() const;
};

struct KernelIdentity {
    std::string id, release, sha256;
    double boot_seconds = 0;  // to the agent's greeting, when the guest was saved
};

// What one of several hosts did.
struct HostShare {
    std::string name, qemu_version;
    unsigned trials = 0;
    std::string lost;  // why no more; empty where it was there to the end
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
    std::vector<HostShare> hosts;  // where there are several
    bool interrupted = false;
    std::string fault;  // what broke the campaign off, with the trials so far kept; empty where nothing did
    double seconds = 0;

    // Of base/exit_status.h: kExitRigFault also for what broke the run off, kExitNothingRun where no trial was run.
    [[nodiscard]] int exit_status() const;
};

struct Spread {
    double median = 0, p95 = 0;
};
// Of any order; zeros where there are none. p95 is the nearest rank.
Spread spread_of(std::vector<double> values);

}  // namespace memrig
