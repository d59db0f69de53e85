// memrig replay
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/hold.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "run/bundle.h"
#include "run/replay.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostTimes = 1'000'000;
constexpr const char* kFooter =
    "DIR is a trial's directory (RUN/SCENARIO/KERNEL/ARM/NUMBER), or a bundle (`memrig bundle`). The same scenario, "
    "kernel,\nseed, choices and order of the actors "
    "are played again. Exit status: 0 the same verdict came each time,\n1 it did not, 2 bad usage, "
    "3 rig "
    "fault.\n\n"
    "Example:\n"
    "  memrig replay runs/20300203T040506Z-4711/race/acpi-dimm-online/debian-6.1-amd64/mutant/0002\n";

struct Hold {
    bool stopped = false, running = false;
};

int replay(ReplaySpec order, const Hold& hold, const std::string& backend_name) {
    order.keep_machine = hold.stopped || hold.running;
    if (order.keep_machine && order.times != 1)
        return report_error({Fault::user_input, "only one guest can be held", "leave out --times"});
    if (order.keep_machine && backend_name != "qemu")
        return report_error(
            {Fault::user_input, "only QEMU of this host leaves a guest to its user", "leave out --backend"});
    std::optional<Bundle> bundle;
    const bool own_directory = order.out.empty();
    if (own_directory) order.out = default_run_directory();
    std::error_code code;
    if (fs::exists(order.out, code) && !fs::is_empty(order.out, code))
        return report_error(
            {Fault::user_input, fmt::format("{} is not empty", order.out.string()), "give a new --out"});
    const Terminal terminal(stdout);
    const auto warn = [&](const std::string& warning) {
        terminal.print(terminal.paint().bad("warning: " + one_line(warning)) + "\n");
    };
    if (fs::is_regular_file(order.trial, code)) {
        auto opened = open_bundle(order.trial, order.kernel, order.emulator);
        if (!opened) return report_error(opened.error());
        bundle = *std::move(opened);
        order.trial = bundle->directory.path();
        for (const auto& warning : bundle->warnings) warn(warning);
    }
    Result<Replay> done;
    {
        const auto backend = make_backend(backend_name);
        if (!backend) return report_error(backend.error());
        RunSpec shown;
        shown.out = order.out;
        ConsoleObserver observer(terminal, shown);
        done = replay_trial(order, **backend, observer);
    }
    if (!done) {
        if (own_directory) remove_if_empty(order.out);
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
    } else if (order.keep_machine) {
        terminal.print(terminal.paint().bad("there is no guest to hold: none was restored") + "\n");
    }
    if (rig_fault && done->recorded.verdict != Verdict::rig_fault) return kExitRigFault;
    return done->same_verdict() ? kExitGood : kExitNotAsExpected;
}

}  // namespace

void add_replay_command(CLI::App& program, Action& action) {
    auto order = std::make_shared<ReplaySpec>();
    auto hold = std::make_shared<Hold>();
    CLI::App* command = program.add_subcommand("replay", "Play a trial again, from what it left");
    command->footer(kFooter);
    command->add_option("DIR", order->trial, "The trial's directory, or a bundle")->required()->type_name("");
    command->add_option("--times", order->times, "How often")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostTimes).description(""))
        ->capture_default_str();
    command->add_option("--kernel", order->kernel, "Another kernel's id or path; default: the recorded one")
        ->type_name("ID|PATH");
    command->add_option("--emulator", order->emulator, "Another QEMU's id or path; default: the recorded one")
        ->type_name("ID|PATH");
    command->add_option("--out", order->out, "Where the new evidence goes; default: runs/TIME-PID")->type_name("DIR");
    auto* gdb = command->add_flag("--gdb", hold->stopped,
                                  "Stop at the verdict, tell gdb's command, and wait for Enter or Ctrl-C");
    command->add_flag("--hold", hold->running, "Let the guest run on after the verdict, until Enter or Ctrl-C")
        ->excludes(gdb);
    auto backend = std::make_shared<std::string>("qemu");
    add_backend_option(*command, *backend);
    command->callback([order, hold, backend, &action] {
        action = [order, hold, backend] { return replay(*order, *hold, *backend); };
    });
}

}  // namespace memrig
