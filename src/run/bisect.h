// Runs one step of `git bisect run`: builds the tree that git has checked out, plays trials until the outcome is
// certain enough, and returns it. The caller maps it to the exit status.
//
// One trial with an unexpected verdict proves that the kernel is bad. A good kernel cannot be proven: a bad kernel
// might hold in every trial. If a bad kernel shows its fault in `rate` of its trials, n trials that are as expected
// leave a doubt of (1 - rate)^n.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kernel/tree.h"
#include "run/run.h"

namespace memrig {

class BuildTools;

struct BisectRule {
    double confidence = 0.99;  // that a kernel called good is good; above 0, below 1
    double rate = 0.5;         // share of a bad kernel's trials that show its fault; above 0, at most 1
    unsigned most_trials = 0;  // 0: three times needed()

    // The number of trials as expected that make a kernel good.
    [[nodiscard]] unsigned needed() const;
    // The number of trials after which a kernel stays undecided.
    [[nodiscard]] unsigned most() const;
};

enum class StepOutcome {
    good,
    bad,
    undecided,   // too many trials proved nothing
    untestable,  // the kernel does not build, does not boot, or lacks a symbol that the scenario needs
    rig_fault,   // the rig or its host failed: the bisection has to stop
    interrupted
};
const char* to_string(StepOutcome outcome);
// Returns the kBisect... status of base/exit_status.h.
int exit_status_of(StepOutcome outcome);
// Returns the outcome of a step that an error ended. The user's input was checked before, so Fault::user_input means
// that the commit cannot be tested.
StepOutcome outcome_of(const Error& error);

// Counts trials until they decide. They may come in any order. Not thread-safe.
class BisectTally {
public:
    explicit BisectTally(const BisectRule& rule) : rule_(rule) {}

    void take(const TrialResult& trial);
    // Returns whether no more trials are needed.
    [[nodiscard]] bool settled() const;
    // The outcome so far; `undecided` until the trials decide.
    [[nodiscard]] StepOutcome outcome() const;
    // The confidence that the kernel is good, from the trials so far; 1 for a bad kernel.
    [[nodiscard]] double confidence() const;
    // The reason for the outcome, in one line.
    [[nodiscard]] std::string reason() const;

    unsigned trials = 0, as_expected = 0, inconclusive = 0, rig_faults = 0;

private:
    BisectRule rule_;
    std::optional<TrialResult> conviction_;
    std::string last_fault_;
};

struct BisectSpec {
    std::string scenario;
    std::string bench;  // empty: the first bench of the scenario
    std::string arm = "control";
    std::vector<std::string> settings;
    std::filesystem::path source = ".";
    std::string arch = "x86_64";  // what the tree is built for, as uname -m prints it
    Toolchain toolchain = Toolchain::gnu;
    std::vector<std::filesystem::path> configs;  // empty: the fragments of a reference kernel of that architecture
    BisectRule rule;
    unsigned jobs = 1;
    std::uint64_t seed = 0;
    std::string accelerator = "auto";
    std::filesystem::path out;  // outside the tree; empty: a new directory in the cache
};

struct BisectStep {
    StepOutcome outcome = StepOutcome::undecided;
    std::string reason;  // may have further lines, from a build log or a console
    BisectTally tally{BisectRule{}};
    std::string release, sha256;  // of the kernel; empty if there is none
    double build_seconds = 0, seconds = 0;
    std::filesystem::path out;
};

// Runs one step. Fails with Fault::user_input if the spec itself is wrong, no matter which commit is checked out, and
// with Fault::host if the cache cannot be used. A failure of the build or of the trials is the step's outcome.
Result<BisectStep> bisect_step(const BisectSpec& spec, BuildTools& tools, Host& host, RunObserver& observer);
// The same with the real toolchain.
Result<BisectStep> bisect_step(const BisectSpec& spec, Host& host, RunObserver& observer);

}  // namespace memrig
