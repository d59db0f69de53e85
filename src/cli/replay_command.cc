// memrig replay
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/hold.h"
#include "cli/modules_option.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "run/bundle.h"
#include "run/replay.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostTimes = 1'000'000;
constexpr const char* kReplayFooter =
    "DIR is a trial's directory (RUN/SCENARIO/KERNEL/ARM/NUMBER), or a bundle (`memrig bundle`). The same scenario,\n"
    "kernel, seed, choices and order of the actors are played again.\n"
    "Exit status: 0 the verdict was the same each time, 1 it was not, 2 bad usage, 3 rig fault, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig replay runs/20300203T040506Z-4711/race/acpi-dimm-online/debian-6.1-amd64/mutant/0002\n";

struct Hold {
    bool stopped = false, running = false;
};

int replay(ReplaySpec spec, const Hold& hold, const std::string& backend_name) {
    spec.keep_machine = hold.stopped || hold.running;
    if (spec.keep_machine && spec.times != 1)
        return report_error({Fault::user_input, "only one guest can be held", "leave out --times"});
    if (spec.keep_machine && backend_name != "qemu")
        return report_error(
            {Fault::user_input, "only a guest of this host's own QEMU can be held", "leave out --backend"});
    std::optional<Bundle> bundle;
    const bool own_directory = spec.out.empty();
    if (own_directory) spec.out = default_run_directory();
    std::error_code code;
    if (fs::exists(spec.out, code) && !fs::is_empty(spec.out, code))
        return report_error({Fault::user_input, fmt::format("{} is not empty", spec.out.string()), "give a new --out"});
    const Terminal terminal(stdout);
    const auto warn = [&](const std::string& warning) {
        terminal.print(terminal.paint().bad("warning: " + one_line(warning)) + "\n");
    };
    if (fs::is_regular_file(spec.trial, code)) {
        auto opened = open_bundle(spec.trial, spec.kernel, spec.emulator);
        if (!opened) return report_error(opened.error());
        bundle = *std::move(opened);
        spec.trial = bundle->directory.path();
        for (const auto& warning : bundle->warnings) warn(warning);
    }
    Result<Replay> done;
    {
        const auto host = make_backend(backend_name);
        if (!host) return report_error(host.error());
        RunSpec shown;
        shown.out = spec.out;
        ConsoleObserver observer(terminal, shown);
        done = replay_trial(spec, **host, observer);
    }
    if (!done) {
        if (own_directory) remove_if_empty(spec.out);
        return report_error(done.error());
    }
    for (const auto& warning : done->warnings) warn(warning);
    const std::string then = to_string(done->recorded.verdict);
    terminal.print(fmt::format("\nrecorded: {} ({})\n", then, one_line(done->recorded.reason)));
    if (done->interrupted) return kExitInterrupted;
    std::size_t same = 0;
    bool rig_fault = false;
    for (const auto& trial : done->arm.trials) {
        same += trial.verdict == done->recorded.verdict;
        rig_fault = rig_fault || trial.verdict == Verdict::rig_fault;
    }
    const std::string line =
        fmt::format("{} of {} came to the same verdict", same, counted(done->arm.trials.size(), "replay"));
    terminal.print((done->same_verdict() ? terminal.paint().good(line) : terminal.paint().bad(line)) + "\n");
    if (done->machine) {
        const Status held = hold_guest(*done->machine, *done->guest, hold.stopped, terminal);
        if (!held) return report_error(held.error());
    } else if (spec.keep_machine) {
        terminal.print(terminal.paint().bad("there is no guest to hold: none was restored") + "\n");
    }
    if (rig_fault && done->recorded.verdict != Verdict::rig_fault) return kExitRigFault;
    return done->same_verdict() ? kExitGood : kExitNotAsExpected;
}

}  // namespace

void add_replay_command(CLI::App& program, Action& action) {
    auto spec = std::make_shared<ReplaySpec>();
    auto hold = std::make_shared<Hold>();
    CLI::App* command = program.add_subcommand("replay", "Play a trial again, from its recorded files");
    command->footer(kReplayFooter);
    command->add_option("DIR", spec->trial, "The trial's directory, or a bundle")->required()->type_name("");
    command->add_option("--times", spec->times, "Number of replays")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostTimes).description(""))
        ->capture_default_str();
    command->add_option("--kernel", spec->kernel, "Kernel: an id or a path; default: the recorded kernel")
        ->type_name("ID|PATH");
    add_modules_option(*command, spec->modules);
    command->add_option("--emulator", spec->emulator, "QEMU: an id or a path; default: the recorded QEMU")
        ->type_name("ID|PATH");
    command->add_option("--out", spec->out, "Directory for the new evidence; default: runs/TIME-PID")->type_name("DIR");
    auto* gdb = command->add_flag("--gdb", hold->stopped,
                                  "Stop the guest at the verdict, print gdb's command, and wait for Enter or Ctrl-C");
    command->add_flag("--hold", hold->running, "Let the guest run on after the verdict, until Enter or Ctrl-C")
        ->excludes(gdb);
    auto backend = std::make_shared<std::string>("qemu");
    add_backend_option(*command, *backend);
    command->callback(
        [spec, hold, backend, &action] { action = [spec, hold, backend] { return replay(*spec, *hold, *backend); }; });
}

}  // namespace memrig
