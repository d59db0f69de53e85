// memrig run
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "oracle/judge.h"
#include "report/ktap.h"
#include "report/results_json.h"
#include "report/table.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostTrials = 1'000'000;
constexpr std::int64_t kMostJobs = 1024;

constexpr const char* kFooter =
    "Each scenario is run on each kernel, in each arm: \"control\" is the kernel as shipped, a mutant has a lock "
    "elided.\n"
    "Exit status: 0 every verdict was expected, 1 one was not, 2 bad usage or a bad input file, 3 rig fault, 4 "
    "nothing\nwas run, as everything was skipped; 130 interrupted.\n"
    "Free mode shows how often a race comes by itself, with its interval; explore mode tries every order of the actors "
    "at\n"
    "the scenario's points, with at most --preemptions switches that nobody forced (docs/explore.md).\n"
    "The run directory gets results.json, results.ktap and the evidence of each trial (docs/results.md).\n\n"
    "Example:\n"
    "  memrig run acpi-dimm-online --kernel debian-6.1-amd64 --trials 100 --jobs 2\n"
    "  memrig run race --trials 1\n";

struct RunOptions {
    std::string backend = "qemu";
    RunSpec order;
    bool all = false;
    std::string json;  // a path, or "-"
    bool ktap = false;

    [[nodiscard]] bool report_on_stdout() const { return ktap || json == "-"; }
};

// Found out before the run, not after it.
Status check_json_target(const std::string& json) {
    if (json.empty() || json == "-") return {};
    const fs::path path = json;
    const fs::path directory = path.has_parent_path() ? path.parent_path() : ".";
    std::error_code code;
    if (fs::is_directory(path, code)) return fail(Fault::user_input, "cannot write {}: it is a directory", json);
    if (::access((fs::exists(path, code) ? path : directory).c_str(), W_OK) != 0)
        return fail_errno(Fault::user_input, "write " + json);
    return {};
}

// A device or a pipe is written to; only a file is replaced.
Status write_json(const std::string& json, const std::string& text) {
    std::error_code code;
    if (json == "-") return print_result(text);
    if (!fs::exists(json, code) || fs::is_regular_file(fs::symlink_status(json, code))) return write_file(json, text);
    const Descriptor fd(::open(json.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!fd.valid()) return fail_errno(Fault::host, "write " + json);
    for (std::string_view rest = text; !rest.empty();) {
        const ssize_t n = ::write(fd.get(), rest.data(), rest.size());
        if (n < 0 && errno != EINTR) return fail_errno(Fault::host, "write " + json);
        if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Status write_reports(const RunOptions& options, const RunResults& results) {
    const std::string json = results_json_text(results);
    const std::string ktap = ktap_text(results);
    MEMRIG_CHECK(make_directories(options.order.out));
    MEMRIG_CHECK(write_file(options.order.out / "results.json", json));
    MEMRIG_CHECK(write_file(options.order.out / "results.ktap", ktap));
    if (!options.json.empty()) MEMRIG_CHECK(write_json(options.json, json));
    if (options.ktap) MEMRIG_CHECK(print_result(ktap));
    return {};
}

// Options of one mode mean nothing in another.
Status check_manner(const RunSpec& order) {
    const bool explores = order.manner.mode == Mode::explore;
    if (!explores && (order.resume || order.stop_at_first || !order.manner.points.empty()))
        return fail_with({Fault::user_input, "--points, --stop-at-first and --resume are explore mode's", {}},
                         "say --mode explore");
    if (order.resume && order.out.empty())
        return fail_with({Fault::user_input, "--resume needs the directory of the run", {}}, "say --out DIR");
    return {};
}

int run(RunOptions options) {
    if (options.ktap && options.json == "-")
        return report_error({Fault::user_input, "--ktap and --json - would both go to stdout", "give --json a file"});
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    if (const Status fits = check_manner(options.order); !fits) return report_error(fits.error());
    if (options.all) std::ranges::copy(scenario_names(), std::back_inserter(options.order.scenarios));
    auto scenarios = named_scenarios(options.order.scenarios);
    if (!scenarios) return report_error(scenarios.error());
    options.order.scenarios = *std::move(scenarios);
    const bool own_directory = options.order.out.empty();
    if (own_directory) options.order.out = default_run_directory();

    const Terminal terminal(options.report_on_stdout() ? stderr : stdout);
    Result<RunResults> results;
    {
        const auto hosts = connect_hosts(options.backend);
        if (!hosts) return report_error(hosts.error());
        ConsoleObserver observer(terminal, options.order);
        for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
        results = run_scenarios(options.order, hosts->all(), observer);
    }
    if (!results) {
        if (own_directory) remove_if_empty(options.order.out);
        return report_error(results.error());
    }
    if (!results->fault.empty())
        report_error({Fault::rig, "broken off: " + results->fault, "the trials so far are kept"});
    terminal.print("\n" + closing_table(*results, options.order.out, terminal.paint()));
    if (const Status written = write_reports(options, *results); !written) {
        const int status = report_error(written.error());
        return results->interrupted ? kExitInterrupted : status;
    }
    terminal.print(fmt::format("results and evidence: {}\n", one_line(options.order.out.string())));
    return results->exit_status();
}

void add_manner_options(CLI::App& command, RunOptions& options) {
    RunSpec& order = options.order;
    command
        .add_option_function<std::string>(
            "--mode",
            [&order](const std::string& mode) {
                order.manner.mode = mode == "free" ? Mode::free : mode == "explore" ? Mode::explore : Mode::directed;
            },
            "directed: the scenario's steps; free: nobody is held; explore: every order, within a bound")
        ->type_name("MODE")
        ->check(CLI::IsMember({"directed", "free", "explore"}).description(""))
        ->default_str("directed");
    command.add_option("--oracle", order.manner.oracles, "Ask this oracle only; may be given again")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->check(CLI::IsMember(oracle_names()).description(""));
    command.add_option("--preemptions", order.manner.preemptions, "Explore: the bound")
        ->type_name("K")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(0, 16).description(""))
        ->capture_default_str();
    command.add_option("--points", order.manner.points, "Explore: kernel functions where an actor may be stopped")
        ->type_name("F,F...")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_symbol, "", "symbol"));
    command.add_flag("--lock-trace", order.manner.lock_trace,
                     "Check the lock ledger by the kernel's own lock tracepoints (lockdep kernels)");
    command.add_flag("--stop-at-first", order.stop_at_first,
                     "Explore: end an arm with the first order that convicts it");
    command.add_flag("--resume", order.resume, "Explore: go on with the run in --out that was broken off");
}

}  // namespace

void add_run_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<RunOptions>();
    RunSpec& order = options->order;
    CLI::App* command = program.add_subcommand("run", "Run scenarios and judge each trial by its evidence");
    command->footer(kFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");

    command
        ->add_option("SCENARIO", order.scenarios,
                     "Names (`memrig scenarios list`), folders of them (race, validate) or paths of scenario files")
        ->type_name("");
    command->add_flag("--all", options->all, "All scenarios that memrig brings");
    command->add_option("--kernel", order.kernels, "A kernel's id (`memrig kernels list`) or path; may be given again")
        ->type_name("ID|PATH")
        ->allow_extra_args(false)
        ->default_str(order.kernels.front());
    command->add_option("--bench", order.bench, "The machine (`memrig benches list`); default: the scenario's first")
        ->type_name("BENCH");
    command
        ->add_option("--emulator", order.emulator,
                     "A QEMU's id (`memrig emulators list`) or the program's path; default: the one in PATH")
        ->type_name("ID|PATH");
    command->add_flag("--skip-other-machines", order.skip_other_machines,
                      "Skip a scenario without a bench for the kernel's architecture; of several it is always so");
    command->add_option("--arm", order.arm, "control, mutant, another arm's name, or all")
        ->type_name("ARM")
        ->capture_default_str();
    command->add_option("--trials", order.trials, "Trials of each arm; default: as the scenario says")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostTrials).description(""));
    command->add_option("--jobs", order.jobs, "Trials at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command
        ->add_option("--seed", order.seed, "What chooses among what a scenario leaves open; default: chosen and told")
        ->type_name("N")
        ->check(decimal);
    command->add_option("--out", order.out, "The run directory; default: runs/TIME-PID")->type_name("DIR");
    command->add_option("--json", options->json, "Write results.json to FILE as well; - is stdout")->type_name("FILE");
    command->add_flag("--ktap", options->ktap, "Print the results as KTAP on stdout, all else on stderr");
    add_hosts_option(*command, options->backend);
    command->add_option("--accel", order.accelerator, "KVM is used only where it is proven to work")
        ->type_name("auto|tcg|kvm")
        ->check(CLI::IsMember({"auto", "tcg", "kvm"}).description(""))
        ->capture_default_str();
    command
        ->add_option("--set", order.manner.settings,
                     "Fix what the scenario leaves open, or a device's size, as in onliner.attribute=online")
        ->type_name("ACTOR.KEY=VALUE")
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_setting, "", "setting"));
    add_manner_options(*command, *options);
    command->callback([options, &action] {
        if (options->order.scenarios.empty() && !options->all) throw CLI::RequiredError("SCENARIO (or --all)");
        action = [options] { return run(*options); };
    });
}

}  // namespace memrig
