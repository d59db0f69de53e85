// memrig bisect-step
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/output.h"
#include "cli/toolchain_options.h"
#include "cli/validators.h"
#include "run/bisect.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostBisectTrials = 100'000;
constexpr const char* kBisectFooter =
    "Builds the kernel tree in --source incrementally, and outside of the tree itself. Then plays trials until the\n"
    "outcome is sure. One trial with an unexpected verdict proves a kernel bad. n expected trials make it good with\n"
    "confidence 1 - (1 - RATE)^n: with the defaults, 7 trials.\n"
    "Exit status, as git bisect run takes it: 0 good, 1 bad, 125 the kernel does not build or boot, or nothing is\n"
    "proven (git skips the commit); 128 rig fault, 129 bad usage and 130 interrupted end the bisection.\n\n"
    "Example:\n"
    "  git bisect start v6.13 v6.12\n"
    "  git bisect run memrig bisect-step --scenario acpi-dimm-online\n";

std::string step_json(const BisectStep& step, const BisectSpec& spec) {
    nlohmann::ordered_json json = {{"schema", 1},
                                   {"outcome", to_string(step.outcome)},
                                   {"exit_status", exit_status_of(step.outcome)},
                                   {"reason", step.reason},
                                   {"confidence", step.tally.confidence()},
                                   {"asked_confidence", spec.rule.confidence},
                                   {"assumed_rate", spec.rule.rate},
                                   {"trials",
                                    {{"played", step.tally.trials},
                                     {"as_expected", step.tally.as_expected},
                                     {"inconclusive", step.tally.inconclusive},
                                     {"rig_fault", step.tally.rig_faults}}},
                                   {"kernel", {{"release", step.release}, {"sha256", step.sha256}}},
                                   {"seconds", {{"build", step.build_seconds}, {"all", step.seconds}}},
                                   {"evidence", step.out.string()}};
    return json_document(json);
}

// Makes "good: confidence 99.2%, 7 trials, 31 s (build 22 s): REASON": one line, whatever the compiler printed.
std::string closing_line(const BisectStep& step) {
    std::string line = fmt::format("{}: ", to_string(step.outcome));
    if (step.outcome == StepOutcome::good || step.outcome == StepOutcome::bad)
        line += fmt::format("confidence {:.4g}%, ", step.tally.confidence() * 100);
    line += fmt::format("{}, {} (build {}): {}", counted(step.tally.trials, "trial"), short_time(step.seconds),
                        short_time(step.build_seconds), one_line(step.reason.substr(0, step.reason.find('\n'))));
    return line;
}

int step_of(const BisectSpec& spec, const std::string& json) {
    if (const Status target = check_json_target(json); !target) return report_error(target.error());
    const Terminal terminal(json == "-" ? stderr : stdout);
    const std::unique_ptr<Host> host = make_qemu_backend();
    RunSpec shown;
    shown.out = spec.out.empty() ? fs::path("the cache") : spec.out;
    Result<BisectStep> step;
    {
        ConsoleObserver observer(terminal, shown);
        step = bisect_step(spec, *host, observer);
    }
    if (!step) return report_error(step.error());
    // Prints the end of the build's log or of a console, which tells why the kernel cannot be tested.
    const std::size_t more = step->reason.find('\n');
    if (more != std::string::npos) report_error({Fault::guest, step->reason, {}});
    const std::string line = closing_line(*step);
    if (!step->out.empty()) terminal.print("evidence: " + one_line(step->out.string()) + "\n");
    const Paint& paint = terminal.paint();
    terminal.print((step->outcome == StepOutcome::good  ? paint.good(line)
                    : step->outcome == StepOutcome::bad ? paint.bad(line)
                                                        : line) +
                   "\n");
    if (!json.empty())
        if (const Status sent = write_json(json, step_json(*step, spec)); !sent) return report_error(sent.error());
    return exit_status_of(step->outcome);
}

}  // namespace

int status_for_git(int status) {
    switch (status) {
        case kExitBadUsage: return kBisectBadUsage;
        case kExitRigFault:
        case kExitNothingRun: return kBisectRigFault;
        default: return status;
    }
}

void add_bisect_command(CLI::App& program, Action& action) {
    auto spec = std::make_shared<BisectSpec>();
    auto json = std::make_shared<std::string>();
    CLI::App* command =
        program.add_subcommand(std::string(kBisectStep), "Test the commit that git bisect has checked out");
    command->footer(kBisectFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");
    command->add_option("--scenario", spec->scenario, "Scenario that shows the fault: a name, or the path of a file")
        ->required()
        ->type_name("SCENARIO");
    command->add_option("--arm", spec->arm, "Arm to play")->type_name("ARM")->capture_default_str();
    command->add_option("--source", spec->source, "Kernel tree; it is not written to")
        ->type_name("DIR")
        ->capture_default_str();
    command
        ->add_option("--config", spec->configs,
                     "A whole .config, or a fragment; may be given again; default: those of a reference kernel")
        ->type_name("FILE")
        ->allow_extra_args(false);
    add_toolchain_options(*command, spec->arch, spec->toolchain);
    command->add_option("--bench", spec->bench, "Bench; default: the scenario's first")->type_name("BENCH");
    command->add_option("--confidence", spec->rule.confidence, "Confidence that a good kernel needs")
        ->type_name("C")
        ->check(CLI::Range(0.01, 0.999999).description(""))
        ->capture_default_str();
    command->add_option("--rate", spec->rule.rate, "Assumed share of the trials in which a bad kernel shows the fault")
        ->type_name("P")
        ->check(CLI::Range(0.001, 1.0).description(""))
        ->capture_default_str();
    command
        ->add_option("--trials", spec->rule.most_trials,
                     "Most trials to play; default: three times what a good kernel needs")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostBisectTrials).description(""));
    command->add_option("--jobs", spec->jobs, "Number of trials at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", spec->seed, "Random seed")->type_name("N")->check(decimal)->capture_default_str();
    command
        ->add_option("--set", spec->settings,
                     "Fix a choice that the scenario leaves open, as in onliner.attribute=online")
        ->type_name("ACTOR.KEY=VALUE")
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_setting, "", "setting"));
    add_accelerator_option(*command, spec->accelerator);
    command->add_option("--out", spec->out, "Directory for the evidence; default: a new directory in the cache")
        ->type_name("DIR");
    command
        ->add_option("--json", *json,
                     "Also write the outcome as JSON to FILE; without FILE, or with -, on stdout, all else on stderr")
        ->type_name("FILE");
    command->callback([spec, json, &action] { action = [spec, json] { return step_of(*spec, *json); }; });
}

}  // namespace memrig
