// memrig bisect-step
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "run/bisect.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostTrials = 100'000;
constexpr std::int64_t kMostJobs = 1024;
constexpr const char* kFooter =
    "Builds the kernel tree in --source, incrementally and never in the tree itself, and plays trials until it is "
    "sure.\n"
    "One trial with an unexpected verdict is proof. n trials as expected make a kernel good with confidence\n"
    "1 - (1 - RATE)^n: with the defaults, 7 of them. Exit status, as git bisect run takes it: 0 good, 1 bad, 125 the "
    "kernel\ndoes not build or boot, or nothing is proven (git skips it); 128 rig fault, 129 bad usage and 130 "
    "interrupted end the\nbisection.\n\n"
    "Example:\n"
    "  git bisect start v6.13 v6.12\n"
    "  git bisect run memrig bisect-step --scenario acpi-dimm-online\n";

std::string step_json(const BisectStep& step, const BisectSpec& order) {
    nlohmann::ordered_json json = {{"schema", 1},
                                   {"outcome", to_string(step.outcome)},
                                   {"exit_status", exit_status_of(step.outcome)},
                                   {"reason", step.reason},
                                   {"confidence", step.tally.confidence()},
                                   {"asked_confidence", order.rule.confidence},
                                   {"assumed_rate", order.rule.rate},
                                   {"trials",
                                    {{"played", step.tally.trials},
                                     {"as_expected", step.tally.as_expected},
                                     {"inconclusive", step.tally.inconclusive},
                                     {"rig_fault", step.tally.rig_faults}}},
                                   {"kernel", {{"release", step.release}, {"sha256", step.sha256}}},
                                   {"seconds", {{"build", step.build_seconds}, {"all", step.seconds}}},
                                   {"evidence", step.out.string()}};
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// "good: confidence 99.2%, 7 trials, 31 s (build 22 s): REASON". One line, whatever the compiler printed.
std::string closing_line(const BisectStep& step) {
    std::string line = fmt::format("{}: ", to_string(step.outcome));
    if (step.outcome == StepOutcome::good || step.outcome == StepOutcome::bad)
        line += fmt::format("confidence {:.4g}%, ", step.tally.confidence() * 100);
    line += fmt::format("{}, {} (build {}): {}", counted(step.tally.trials, "trial"), short_time(step.seconds),
                        short_time(step.build_seconds), one_line(step.reason.substr(0, step.reason.find('\n'))));
    return line;
}

int step_of(const BisectSpec& order, bool as_json) {
    const Terminal terminal(as_json ? stderr : stdout);
    const std::unique_ptr<Host> backend = make_qemu_backend();
    RunSpec shown;
    shown.out = order.out.empty() ? fs::path("the cache") : order.out;
    Result<BisectStep> step;
    {
        ConsoleObserver observer(terminal, shown);
        step = bisect_step(order, *backend, observer);
    }
    if (!step) return report_error(step.error());
    // The end of the build's log, or of a console: why there is nothing to be played.
    const std::size_t more = step->reason.find('\n');
    if (more != std::string::npos) report_error({Fault::guest, step->reason, {}});
    const std::string line = closing_line(*step);
    if (!step->out.empty()) terminal.print("evidence: " + one_line(step->out.string()) + "\n");
    const Paint& paint = terminal.paint();
    terminal.print((step->outcome == StepOutcome::good  ? paint.good(line)
                    : step->outcome == StepOutcome::bad ? paint.bad(line)
                                                        : line) +
                   "\n");
    if (as_json)
        if (const Status printed = print_result(step_json(*step, order)); !printed)
            return report_error(printed.error());
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
    auto order = std::make_shared<BisectSpec>();
    auto as_json = std::make_shared<bool>(false);
    CLI::App* command =
        program.add_subcommand(std::string(kBisectStep), "Test the commit that git bisect has checked out");
    command->footer(kFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");
    command->add_option("--scenario", order->scenario, "What shows the fault: a name or a scenario file's path")
        ->required()
        ->type_name("SCENARIO");
    command->add_option("--arm", order->arm, "The arm that is played")->type_name("ARM")->capture_default_str();
    command->add_option("--source", order->source, "The kernel tree; it is not written to")
        ->type_name("DIR")
        ->capture_default_str();
    command
        ->add_option("--config", order->configs,
                     "A whole .config, or a fragment; may be given again; default: those of ref-6.12-amd64")
        ->type_name("FILE")
        ->allow_extra_args(false);
    command->add_option("--bench", order->bench, "The machine; default: the scenario's first")->type_name("BENCH");
    command->add_option("--confidence", order->rule.confidence, "How sure a good kernel has to be")
        ->type_name("C")
        ->check(CLI::Range(0.01, 0.999999).description(""))
        ->capture_default_str();
    command
        ->add_option("--rate", order->rule.rate, "The part of its trials in which a bad kernel is assumed to show it")
        ->type_name("P")
        ->check(CLI::Range(0.001, 1.0).description(""))
        ->capture_default_str();
    command
        ->add_option("--trials", order->rule.most_trials,
                     "The most that are played; default: three times what a good kernel needs")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostTrials).description(""));
    command->add_option("--jobs", order->jobs, "Trials at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", order->seed, "What chooses among what a scenario leaves open")
        ->type_name("N")
        ->check(decimal)
        ->capture_default_str();
    command->add_option("--set", order->settings, "Fix what the scenario leaves open, as in onliner.attribute=online")
        ->type_name("ACTOR.KEY=VALUE")
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_setting, "", "setting"));
    command->add_option("--accel", order->accelerator, "KVM is used only where it is proven to work")
        ->type_name("auto|tcg|kvm")
        ->check(CLI::IsMember({"auto", "tcg", "kvm"}).description(""))
        ->capture_default_str();
    command->add_option("--out", order->out, "Where the evidence goes; default: a new directory of the cache")
        ->type_name("DIR");
    command->add_flag("--json", *as_json, "Print the outcome as JSON on stdout, all else on stderr");
    command->callback([order, as_json, &action] { action = [order, as_json] { return step_of(*order, *as_json); }; });
}

}  // namespace memrig
