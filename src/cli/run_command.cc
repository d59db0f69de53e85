// memrig run
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/shell.h"
#include "base/stop_request.h"
#include "cli/backend_option.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/modules_option.h"
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

std::vector<std::string> ways_to_observe() {
    std::vector<std::string> names;
    for (const Observing way : kWaysToObserve) names.emplace_back(to_string(way));
    return names;
}

constexpr int kMostSbatchWords = 1000;

constexpr const char* kRunFooter =
    "Runs each scenario on each kernel, in each arm: \"control\" is the kernel as shipped, a mutant lacks a lock.\n"
    "Exit status: 0 every verdict was expected, 1 one was not, 2 bad usage or a bad input file, 3 rig fault,\n"
    "4 not all was run (an arm could not be set up, or everything was skipped), 130 interrupted.\n"
    "Free mode shows how often a race occurs by itself, with its interval. Explore mode tries every order of the\n"
    "actors at the scenario's points, with at most --preemptions unforced switches (docs/explore.md).\n"
    "With --slurm, explore mode plays the first order of each arm on this host, and submits the orders that branch "
    "off\n"
    "from it to Slurm. memrig campaign wait, status, cancel and merge take --out, which all nodes must share. Words\n"
    "after -- that begin with a dash, and those behind them, are options for sbatch (docs/campaigns.md).\n"
    "The run directory gets results.json, results.ktap and the evidence of each trial (docs/results.md).\n\n"
    "Example:\n"
    "  memrig run acpi-dimm-online --kernel debian-6.1-amd64 --trials 100 --jobs 2\n"
    "  memrig run race --trials 1\n";

struct RunOptions {
    ClusterOptions cluster;
    std::vector<std::string> words;  // words_for_task()
    std::string backend = "qemu";
    RunSpec spec;
    bool all = false;
    std::string json;  // a path, or "-"
    bool ktap = false;

    [[nodiscard]] bool report_on_stdout() const { return ktap || json == "-"; }
};

Status write_reports(const RunOptions& options, const RunResults& results) {
    const std::string json = results_json_text(results);
    const std::string ktap = ktap_text(results);
    MEMRIG_CHECK(make_directories(options.spec.out));
    MEMRIG_CHECK(write_file(options.spec.out / "results.json", json));
    MEMRIG_CHECK(write_file(options.spec.out / "results.ktap", ktap));
    if (!options.json.empty()) MEMRIG_CHECK(write_json(options.json, json));
    if (options.ktap) MEMRIG_CHECK(print_result(ktap));
    return {};
}

// Refuses options of explore mode in other modes.
Status check_manner(const RunSpec& spec) {
    const bool explores = spec.manner.mode == Mode::explore;
    if (!explores && (spec.resume || spec.stop_at_first || !spec.manner.points.empty()))
        return fail_with({Fault::user_input, "--points, --stop-at-first and --resume work only in explore mode", {}},
                         "add --mode explore");
    if (spec.resume && spec.out.empty())
        return fail_with({Fault::user_input, "--resume needs the directory of the run", {}}, "add --out DIR");
    return {};
}

// Words behind "--" that begin with a dash are for sbatch, and so are those behind them: no scenario has such a name.
void take_sbatch_words(RunOptions& options) {
    auto& words = options.spec.scenarios;
    const auto first = std::ranges::find_if(words, [](const auto& word) { return word.starts_with('-'); });
    options.cluster.sbatch.assign(first, words.end());
    words.erase(first, words.end());
}

// Refuses to share what depends on the sequence of the orders, or has no orders.
Status check_shared(const RunOptions& options) {
    if (!options.cluster.slurm) return {};
    const RunSpec& spec = options.spec;
    if (spec.manner.mode != Mode::explore)
        return fail_with({Fault::user_input, "--slurm works only in explore mode", {}},
                         "add --mode explore, or write a plan for memrig campaign submit");
    if (spec.trials != 0 || spec.stop_at_first)
        return fail(Fault::user_input,
                    "--trials and --stop-at-first do not work with --slurm: each shard plays all of its orders");
    return {};
}

// Adds an arm in explore mode. The root of its orders is of the opening; each order with one switch is a unit, with all
// that branch off from it.
Status add_arm(WorkTally& tally, const ArmResult& arm, const Portion& portion) {
    if (arm.journal.empty()) return {};
    tally.files.push_back(arm.journal);
    std::map<std::string, bool> good;  // by unit
    for (const TrialResult& trial : arm.trials) {
        const bool rig_fault = trial.verdict == Verdict::rig_fault;
        if (trial.order.empty()) {
            if (rig_fault)
                return fail(Fault::rig, "the first order of {} came to a rig fault: {}", arm.scenario, trial.reason);
            continue;
        }
        tally.rig_faults += rig_fault;
        bool& all_good = good.try_emplace(text_of(Interleaving{trial.order.front()}), true).first->second;
        all_good = all_good && trial.as_expected;
    }
    if (portion.kind == Portion::Kind::shard && arm.trials.size() != arm.explored->known)
        return fail(Fault::rig, "{} of {} orders of {} came to no result", arm.explored->known - arm.trials.size(),
                    arm.explored->known, arm.scenario);
    tally.units += good.size();
    for (const auto& [unit, is_good] : good) tally.as_expected += is_good;
    return {};
}

Result<WorkTally> play_portion(const RunOptions& options, const Portion& portion, const fs::path& out) {
    RunSpec spec = options.spec;
    spec.resume = true;
    spec.portion = portion;
    spec.out = out;
    const Terminal terminal(stdout);
    MEMRIG_TRY(const auto hosts, connect_hosts(options.backend));
    ConsoleObserver observer(terminal, spec);
    MEMRIG_TRY(const RunResults results, run_scenarios(spec, hosts.all(), observer));
    if (results.interrupted) return std::unexpected(stop_request().error());
    if (!results.fault.empty()) return fail(Fault::rig, "{}", results.fault);
    WorkTally tally;
    tally.whole = results.units;
    for (const auto& kernel : results.kernels) tally.kernels[kernel.id] = kernel.sha256;
    for (const ArmResult& arm : results.arms) MEMRIG_CHECK(add_arm(tally, arm, portion));
    return tally;
}

// Submits to a cluster, is a task of it, or joins its shards, if that is asked for. Nothing: the command goes on.
std::optional<int> shared_run(RunOptions& options) {
    const SharedCommand shared{"explore",
                               "order",
                               options.spec.jobs,
                               options.words,
                               options.spec.out,
                               [&](const Portion& portion, const fs::path& out) {
                                   return play_portion(options, portion, out); }};
    return share(options.cluster, shared, options.spec.resume, options.spec.portion);
}

// Checks the options, and finds the scenarios.
Status begin(RunOptions& options) {
    if (options.ktap && options.json == "-")
        return fail_with({Fault::user_input, "--ktap and --json - would both go to stdout", {}}, "give --json a file");
    take_sbatch_words(options);
    MEMRIG_CHECK(check_json_target(options.json));
    MEMRIG_CHECK(check_manner(options.spec));
    MEMRIG_CHECK(check_shared(options));
    if (options.all) std::ranges::copy(scenario_names(), std::back_inserter(options.spec.scenarios));
    MEMRIG_TRY(options.spec.scenarios, named_scenarios(options.spec.scenarios));
    return {};
}

int run(RunOptions options) {
    if (const Status begun = begin(options); !begun) return report_error(begun.error());
    if (const auto status = shared_run(options)) return *status;
    const bool own_directory = options.spec.out.empty();
    if (own_directory) options.spec.out = default_run_directory();

    const Terminal terminal(options.report_on_stdout() ? stderr : stdout);
    Result<RunResults> results;
    {
        const auto hosts = connect_hosts(options.backend);
        if (!hosts) return report_error(hosts.error());
        ConsoleObserver observer(terminal, options.spec);
        for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
        results = run_scenarios(options.spec, hosts->all(), observer);
    }
    if (!results) {
        if (own_directory) remove_if_empty(options.spec.out);
        return report_error(results.error());
    }
    if (!results->fault.empty())
        report_error({Fault::rig, "the run ended early: " + results->fault, "the finished trials are kept"});
    terminal.print("\n" + closing_table(*results, options.spec.out, terminal.paint(), terminal.table_width()));
    if (const Status written = write_reports(options, *results); !written) {
        const int status = report_error(written.error());
        return results->interrupted ? kExitInterrupted : status;
    }
    terminal.print(fmt::format("results and evidence: {0}\na page of them: memrig report {0} --format html\n",
                               one_line(shell_word(options.spec.out.string()))));
    return results->exit_status();
}

void add_manner_options(CLI::App& command, RunOptions& options) {
    RunSpec& spec = options.spec;
    command
        .add_option_function<std::string>(
            "--mode",
            [&spec](const std::string& mode) {
                spec.manner.mode = mode == "free" ? Mode::free : mode == "explore" ? Mode::explore : Mode::directed;
            },
            "directed: play the scenario's steps; free: hold no actor; explore: try every order, within a bound")
        ->type_name("MODE")
        ->check(CLI::IsMember({"directed", "free", "explore"}).description(""))
        ->default_str("directed");
    command.add_option("--oracle", spec.manner.oracles, "Use only this oracle; may be given again")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->check(CLI::IsMember(oracle_names()).description(""));
    command.add_option("--preemptions", spec.manner.preemptions, "Explore: most unforced switches in an order")
        ->type_name("K")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(0, 16).description(""))
        ->capture_default_str();
    command.add_option("--points", spec.manner.points, "Explore: kernel functions at which an actor may be stopped")
        ->type_name("F,F...")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_symbol, "", "symbol"));
    command
        .add_option_function<std::string>(
            "--observe",
            [&spec](const std::string& observe) { spec.manner.observe = parse_observing(observe).value(); },
            "See locks by the plugin inside QEMU, by stops, or by both")
        ->type_name("HOW")
        ->check(CLI::IsMember(ways_to_observe()).description(""))
        ->default_str(to_string(spec.manner.observe));
    command.add_flag("--lock-trace", spec.manner.lock_trace,
                     "Check the lock ledger against the kernel's own lock tracepoints (lockdep kernels)");
    command.add_flag("--stop-at-first", spec.stop_at_first, "Explore: end an arm at the first order that convicts it");
    command.add_flag("--resume", spec.resume, "Explore: resume the interrupted run in --out");
}

}  // namespace

void add_run_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<RunOptions>();
    RunSpec& spec = options->spec;
    CLI::App* command = program.add_subcommand("run", "Run scenarios and judge each trial by its evidence");
    command->footer(kRunFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");

    command
        ->add_option("SCENARIO", spec.scenarios,
                     "Names (`memrig scenarios list`), folders (race, validate) or paths of scenario files")
        ->type_name("");
    command->add_flag("--all", options->all, "Run all scenarios that memrig ships");
    command->add_option("--kernel", spec.kernels, "Kernel: an id (`memrig kernels list`) or a path; may be given again")
        ->type_name("ID|PATH")
        ->allow_extra_args(false)
        ->default_str(spec.kernels.front());
    add_modules_option(*command, spec.modules);
    add_bench_options(*command, spec);
    command->add_flag("--skip-other-machines", spec.skip_other_machines,
                      "Skip a scenario without a bench for the kernel's architecture; always done for several");
    command->add_option("--arm", spec.arm, "Arm: control, mutant, another arm's name, or all")
        ->type_name("ARM")
        ->capture_default_str();
    command->add_option("--trials", spec.trials, "Trials of each arm; default: the scenario's number")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostTrials).description(""));
    command->add_option("--jobs", spec.jobs, "Number of trials at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", spec.seed, "Random seed; default: random, printed (0 in explore mode)")
        ->type_name("N")
        ->check(decimal);
    command->add_option("--out", spec.out, "Run directory; default: runs/TIME-PID")->type_name("DIR");
    command->add_option("--json", options->json, "Also write results.json to FILE; - is stdout")->type_name("FILE");
    command->add_flag("--ktap", options->ktap, "Print the results as KTAP on stdout, everything else on stderr");
    add_hosts_option(*command, options->backend);
    add_accelerator_option(*command, spec.accelerator);
    command
        ->add_option("--set", spec.manner.settings,
                     "Fix a choice that the scenario leaves open, or a device's size: onliner.attribute=online")
        ->type_name("ACTOR.KEY=VALUE")
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_setting, "", "setting"));
    add_manner_options(*command, *options);
    add_shared_options(*command, options->cluster);
    // CLI11 takes words behind "--" only if an option without a name is left. They become scenarios all the same; see
    // take_sbatch_words(). Only one such option may be without an end.
    add_sbatch_words(*command, options->cluster);
    command->get_option("SBATCH")->expected(1, kMostSbatchWords);
    command->callback([options, command, &action] {
        options->words = words_for_task(*command);
        if (options->spec.scenarios.empty() && !options->all) throw CLI::RequiredError("SCENARIO (or --all)");
        action = [options] { return run(*options); };
    });
}

}  // namespace memrig
