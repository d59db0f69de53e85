// A step of `git bisect run`: builds the tree that git has checked out, plays trials until it is sure, and says so by its exit status.
//
// One trial with an unexpected verdict is proof: the kernel is bad. That it is good is a matter of how likely a bad one is to hold in
// every trial: if a bad kernel shows it in `rate` of its trials, n trials that are as expected leave a doubt of (1 - rate)^n.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "run/run.h"

namespace memrig {

class BuildTools;

struct BisectRule {
    double confidence = 0.99;  // that a kernel called good is; above 0, below 1
    double rate = 0.5;         // of the trials that show a bad kernel's fault; above 0, at most 1
    unsigned most_trials = 0;  // 0: three times those that a good kernel needs

    // Trials as expected that make a kernel good.
    [[nodiscard]] unsigned needed() const;
    // Trials after which a kernel is undecided.
    [[nodiscard]] unsigned most() const;
};

enum class StepOutcome {
    good,
    bad,
    undecided,   // too many trials proved nothing
    untestable,  // the kernel does not build, does not boot, or lacks what the scenario is about
    rig_fault,   // our side or the host broke: the bisection has to stop
    interrupted
};
const char* to_string(StepOutcome outcome);
// The kBisect... status of base/exit_status.h.
int exit_status_of(StepOutcome outcome);
// What an error in the middle of a step, after all of the user's input was found good, makes of it.
StepOutcome outcome_of(const Error& error);

// Counts trials, in any order, until they decide. Not thread-safe.
class BisectTally {
public:
    explicit BisectTally(const BisectRule& rule) : rule_(rule) {}

    void take(const TrialResult& trial);
    // No further trial can change it.
    [[nodiscard]] bool settled() const;
    // What is known so far; `undecided` as long as nothing is.
    [[nodiscard]] StepOutcome outcome() const;
    // 1 for a bad kernel; else that of its being good, from the trials so far.
    [[nodiscard]] double confidence() const;
    // One line: what the outcome rests on.
    [[nodiscard]] std::string reason() const;

    unsigned trials = 0, as_expected = 0, inconclusive = 0, rig_faults = 0;

private:
    BisectRule rule_;
    std::optional<TrialResult> conviction_;
    std::string last_fault_;
};

struct BisectSpec {
    std::string scenario;
    std::string bench;  // empty: the scenario's first
    std::string arm = "control";
    std::vector<std::string> settings;
    std::filesystem::path source = ".";
    std::vector<std::filesystem::path> configs;  // empty: the fragments of the reference kernel
    BisectRule rule;
    unsigned jobs = 1;
    std::uint64_t seed = 0;
    std::string accelerator = "auto";
    std::filesystem::path out;  // not in the tree; empty: a new directory of the cache
};

struct BisectStep {
    StepOutcome outcome = StepOutcome::undecided;
    std::string reason;  // may have further lines, of a build's log or a console
    BisectTally tally{BisectRule{}};
    std::string release, sha256;  // of the kernel; empty where there is none
    double build_seconds = 0, seconds = 0;
    std::filesystem::path out;
};

// An error is what is wrong with the order itself, whatever git has checked out: Fault::user_input.
Result<BisectStep> bisect_step(const BisectSpec& order, BuildTools& tools, Host& backend, RunObserver& observer);
// With the real toolchain.
Result<BisectStep> bisect_step(const BisectSpec& order, Host& backend, RunObserver& observer);

}  // namespace memrig
