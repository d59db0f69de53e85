#include "run/bisect.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/paths.h"
#include "base/statistics.h"
#include "base/text.h"
#include "kernel/build_tools.h"
#include "kernel/builder.h"
#include "kernel/catalogue.h"
#include "kernel/config.h"
#include "kernel/tree.h"

namespace memrig {

namespace {

// The reference kernel whose fragments are the default, by architecture.
// One for each of kbuild_arches().
const std::map<std::string, std::string> kDefaultConfigOf = {
    {"x86_64", "ref-6.12-amd64"}, {"aarch64", "ref-7.2-arm64"}, {"ppc64le", "ref-6.12-ppc64le"}};
constexpr unsigned kMostRigFaults = 2;  // a third rig fault is no accident
constexpr unsigned kSpare = 3;          // most trials: so many times BisectRule::needed()

// Checks everything that does not depend on the commit. A later error means that the commit cannot be tested.
Status check_spec(const BisectSpec& spec) {
    MEMRIG_TRY(Scenario scenario, load_scenario(spec.scenario));
    for (const auto& setting : spec.settings) MEMRIG_CHECK(apply_setting(scenario, setting));
    if (std::ranges::find(scenario.arms, spec.arm, &ScenarioArm::name) == scenario.arms.end())
        return fail(Fault::user_input, "scenario {} has no arm \"{}\"", scenario.name, spec.arm);
    if (!spec.bench.empty()) MEMRIG_CHECK(load_bench(spec.bench));
    for (const auto& config : spec.configs) {
        const auto text = read_file(config);
        if (!text) return fail(Fault::user_input, "{}", text.error().message);
        MEMRIG_CHECK(parse_config(*text, config.string()));
    }
    MEMRIG_CHECK(kbuild_arch(spec.arch));
    std::error_code code;
    if (fs::exists(spec.out, code) && !fs::is_empty(spec.out, code))
        return fail_with({Fault::user_input, fmt::format("{} is not empty", spec.out.string()), {}},
                         "give a new --out, or none");
    return check_source(spec.source);
}

// The kernel id of a tree, from its path. So each tree has one kernel, and each step replaces the kernel of the step
// before.
Result<std::string> tree_id(const fs::path& source) {
    std::error_code code;
    const fs::path canonical = fs::canonical(source, code);
    if (code) return fail(Fault::user_input, "cannot read {}: {}", source.string(), code.message());
    constexpr std::size_t digits = 12;
    return "bisect-" + Hasher().add(canonical.string()).finish().substr(0, digits);
}

Result<std::vector<fs::path>> configs_of(const BisectSpec& spec) {
    if (!spec.configs.empty()) return spec.configs;
    MEMRIG_TRY(const KernelEntry entry, find_kernel(kDefaultConfigOf.at(spec.arch)));
    std::vector<fs::path> configs;
    for (const auto& name : entry.configs) configs.push_back(home_directory() / "guest-images" / "configs" / name);
    return configs;
}

// The directory for the trials. The default is in the cache, as the working directory is the user's tree.
Result<fs::path> directory_for(const BisectSpec& spec, const std::string& id) {
    if (!spec.out.empty()) return spec.out;
    MEMRIG_TRY(const fs::path cache, cache_directory());
    const fs::path parent = cache / "bisect" / id;
    MEMRIG_CHECK(make_directories(parent));
    MEMRIG_TRY(TemporaryDirectory fresh, TemporaryDirectory::make("step", parent));
    return fresh.release();
}

void play(const BisectSpec& spec, const std::string& kernel, Host& host, RunObserver& observer, BisectStep& step) {
    RunSpec trials;
    trials.scenarios = {spec.scenario};
    trials.kernels = {kernel};
    trials.bench = spec.bench;
    trials.arm = spec.arm;
    trials.trials = spec.rule.most();
    trials.jobs = spec.jobs;
    trials.seed = spec.seed;
    trials.accelerator = spec.accelerator;
    trials.manner.settings = spec.settings;
    trials.out = step.out;
    trials.keep_guests = false;
    trials.enough = [&step](const TrialResult& trial) {
        step.tally.take(trial);
        return step.tally.settled();
    };
    const auto results = run_scenarios(trials, host, observer);
    if (!results) {
        step.outcome = outcome_of(results.error());
        step.reason = results.error().line();
        return;
    }
    if (!results->kernels.empty()) step.release = results->kernels.front().release;
    step.outcome = step.tally.outcome();
    step.reason = step.tally.reason();
    // A conviction stands, even if the run was interrupted or broke after it.
    if (step.outcome == StepOutcome::bad) return;
    if (results->interrupted) step.outcome = StepOutcome::interrupted;
    else if (!results->fault.empty()) {
        step.outcome = StepOutcome::rig_fault;
        step.reason = results->fault;
    } else if (!results->arms.empty() && !results->arms.front().skipped.empty()) {
        step.outcome = StepOutcome::untestable;
        step.reason = results->arms.front().skipped;
    } else if (!results->arms.empty() && results->arms.front().not_set_up) {
        step.outcome = outcome_of(*results->arms.front().not_set_up);
        step.reason = results->arms.front().not_set_up->line();
    }
}

}  // namespace

unsigned BisectRule::needed() const {
    constexpr std::uint64_t most = std::numeric_limits<unsigned>::max() / kSpare;
    return static_cast<unsigned>(std::min(trials_to_see(rate, confidence).value_or(most), most));
}

unsigned BisectRule::most() const { return most_trials != 0 ? most_trials : kSpare * needed(); }

const char* to_string(StepOutcome outcome) {
    switch (outcome) {
        case StepOutcome::good: return "good";
        case StepOutcome::bad: return "bad";
        case StepOutcome::undecided: return "undecided";
        case StepOutcome::untestable: return "untestable";
        case StepOutcome::rig_fault: return "rig-fault";
        case StepOutcome::interrupted: return "interrupted";
    }
    return "?";
}

int exit_status_of(StepOutcome outcome) {
    switch (outcome) {
        case StepOutcome::good: return kBisectGood;
        case StepOutcome::bad: return kBisectBad;
        case StepOutcome::undecided:
        case StepOutcome::untestable: return kBisectSkip;
        case StepOutcome::rig_fault: break;
        case StepOutcome::interrupted: return kBisectInterrupted;
    }
    return kBisectRigFault;
}

StepOutcome outcome_of(const Error& error) {
    switch (error.fault) {
        case Fault::guest:
        case Fault::user_input: return StepOutcome::untestable;
        case Fault::interrupted: return StepOutcome::interrupted;
        case Fault::rig:
        case Fault::host: break;
    }
    return StepOutcome::rig_fault;
}

void BisectTally::take(const TrialResult& trial) {
    trials++;
    if (trial.as_expected) as_expected++;
    else if (trial.verdict == Verdict::inconclusive) inconclusive++;
    else if (trial.verdict == Verdict::rig_fault) {
        rig_faults++;
        last_fault_ = trial.reason;
    } else if (!conviction_) conviction_ = trial;
}

bool BisectTally::settled() const { return outcome() != StepOutcome::undecided || trials >= rule_.most(); }

StepOutcome BisectTally::outcome() const {
    if (conviction_) return StepOutcome::bad;
    if (rig_faults > kMostRigFaults) return StepOutcome::rig_fault;
    return as_expected >= rule_.needed() ? StepOutcome::good : StepOutcome::undecided;
}

double BisectTally::confidence() const { return conviction_ ? 1 : 1 - std::pow(1 - rule_.rate, as_expected); }

std::string BisectTally::reason() const {
    if (conviction_)
        return fmt::format("trial {}: {}: {}", conviction_->number, to_string(conviction_->verdict),
                           one_line(conviction_->reason));
    if (outcome() == StepOutcome::rig_fault)
        return fmt::format("{} of {} trials had a rig fault: {}", rig_faults, trials, one_line(last_fault_));
    return fmt::format("{} of {} as expected, {} needed if a bad kernel shows its fault in {:.0f}% of its trials",
                       as_expected, counted(trials, "trial"), rule_.needed(), rule_.rate * 100);
}

Result<BisectStep> bisect_step(const BisectSpec& spec, BuildTools& tools, Host& host, RunObserver& observer) {
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(check_spec(spec));
    MEMRIG_TRY(const std::string id, tree_id(spec.source));
    MEMRIG_TRY(const auto configs, configs_of(spec));
    BisectStep step;
    step.tally = BisectTally(spec.rule);
    MEMRIG_TRY(const fs::path cache, cache_directory());
    const auto kernel = KernelBuilder(tools, cache).build(OwnTree{spec.source, configs, id, spec.arch, spec.toolchain});
    step.build_seconds = seconds(steady_clock().now() - begun);
    if (kernel) {
        step.sha256 = kernel->sha256;
        MEMRIG_TRY(step.out, directory_for(spec, id));
        play(spec, id, host, observer, step);
    } else {
        step.outcome = outcome_of(kernel.error());
        step.reason = kernel.error().line();
    }
    step.seconds = seconds(steady_clock().now() - begun);
    return step;
}

Result<BisectStep> bisect_step(const BisectSpec& spec, Host& host, RunObserver& observer) {
    return bisect_step(spec, *make_build_tools(), host, observer);
}

}  // namespace memrig
