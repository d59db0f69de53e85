// memrig sweep
#include <memory>

#include "base/file.h"
#include "base/shell.h"
#include "cli/backend_option.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/modules_option.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "report/sweep_report.h"
#include "run/sweep.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostCases = 1'000'000;

constexpr const char* kSweepFooter =
    "Plays the scenario once, its actors one after the other, and records each call by which one of them may run out\n"
    "of memory: of an allocator, and of the functions by way of which it was called, where the kernel's BTF shows\n"
    "how they fail. Then plays a trial for each such call, in which that one call fails: by default the first and the\n"
    "last call of each call path. The actor has to do all of its work, or to be refused with everything as before.\n"
    "Afterwards the same work has to succeed. A crash, a warning, a lock that is left held, or figures that do not\n"
    "add up convict the kernel.\n"
    "With --depth 2, the calls that come of each failure are recorded, too. Where one comes on a path that was not\n"
    "taken without the failure, a trial makes both fail.\n"
    "The directory gets sweep.json, a scenario file for each case (cases) and for each finding (findings), which\n"
    "`memrig run` plays, and the evidence of each trial.\n"
    "With --slurm, records the calls on this host, and submits the cases to Slurm. memrig campaign wait, status, "
    "cancel\n"
    "and merge take --out, which all nodes must share (docs/campaigns.md).\n"
    "Exit status: 0 every case held, 1 one did not, 2 bad usage or a bad input file, 3 rig fault, 4 nothing was\n"
    "played, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig sweep validate/offline --kernel debian-6.12-amd64 --jobs 2 --out sweeps/offline\n"
    "  memrig sweep validate/offline --kernel debian-6.12-amd64 --jobs 2 --out sweeps/offline --resume\n"
    "  memrig sweep validate/offline --slurm --shards 8 --out /shared/offline -- --time=60\n"
    "  memrig run sweeps/offline/findings/8d69c7ebdd9e.toml --kernel debian-6.12-amd64\n";

struct SweepOptions {
    SweepSpec spec;
    ClusterOptions cluster;
    std::vector<std::string> words;  // words_for_task()
    std::string kernel = "debian-6.12-amd64";
    std::string backend = "qemu", json;
};

WorkTally tally_of(const Sweep& sweep, const Portion& portion) {
    WorkTally tally;
    tally.whole = sweep.cases.size();
    tally.kernels = sweep.images;
    tally.files = {"results.jsonl"};
    if (portion.kind == Portion::Kind::opening) tally.files.emplace_back("plan.json");
    for (const SweepCase& one : sweep.cases) {
        tally.units += one.trial || !one.not_played.empty();
        tally.as_expected += one.trial && one.trial->verdict == Verdict::held;
        tally.rig_faults += one.trial && one.trial->verdict == Verdict::rig_fault;
    }
    return tally;
}

int sweep(SweepOptions options) {
    SweepSpec& spec = options.spec;
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    spec.run.kernels = {options.kernel};
    const SharedCommand shared{
        "sweep", "case", spec.run.jobs, options.words, spec.run.out, [&](const Portion& portion, const fs::path& out) {
            return play_cases<SweepSpec, Sweep>(spec, options.backend, portion, out, run_sweep,
                                                [&](const Sweep& sweep) { return tally_of(sweep, portion); });
        }};
    if (const auto status = share(options.cluster, shared, spec.resume, spec.run.portion)) return *status;
    if (const Status fits = check_out(spec.run.out, spec.resume, "sweep"); !fits) return report_error(fits.error());
    const bool own_directory = spec.run.out.empty();
    if (own_directory) spec.run.out = default_run_directory();
    const Terminal terminal(options.json == "-" ? stderr : stdout);
    const auto hosts = connect_hosts(options.backend);
    if (!hosts) return report_error(hosts.error());
    Result<Sweep> done;
    {
        ConsoleObserver observer(terminal, spec.run);
        for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
        done = run_sweep(spec, hosts->all(), observer);
    }
    if (!done) {
        if (own_directory) remove_if_empty(spec.run.out);
        return report_error(done.error());
    }
    const auto written = write_findings(*done, spec.run.out);
    if (!written) return report_error(written.error());
    const std::string json = sweep_json(*done);
    if (const Status kept = write_file(spec.run.out / "sweep.json", json); !kept) return report_error(kept.error());
    if (!options.json.empty())
        if (const Status sent = write_json(options.json, json); !sent) return report_error(sent.error());
    terminal.print("\n" + sweep_text(*done, spec.run.out, terminal.paint(), terminal.table_width()));
    terminal.print(fmt::format("sweep and evidence: {0}\na page of them: memrig report {0} --format html\n",
                               one_line(shell_word(spec.run.out.string()))));
    return done->exit_status();
}

void add_choice_options(CLI::App& command, SweepSpec& spec) {
    const CLI::Validator decimal(not_decimal, "", "decimal");
    command.add_option("--actor", spec.actors, "Only calls of this actor; may be given again")
        ->type_name("NAME")
        ->allow_extra_args(false);
    command.add_option("--function", spec.functions, "Only calls of this allocator; may be given again")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_symbol, "", "symbol"));
    command.add_option("--within", spec.within, "Only calls by way of this kernel function, e.g. __add_memory")
        ->type_name("NAME")
        ->check(CLI::Validator(no_symbol, "", "symbol"));
    command.add_flag("--allocators-only", spec.allocators_only,
                     "Only allocators, not also the functions by way of which they were called");
    command.add_flag("--every", spec.every, "Every call, not only the first and the last of each path");
    command.add_option("--depth", spec.depth, "2: play also pairs, a call that comes only because another one failed")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{2}).description(""))
        ->capture_default_str();
    command.add_option("--most", spec.most, "Play no more cases than this, nor pairs; default: all")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostCases).description(""));
    command.add_flag("--resume", spec.resume, "Go on with the interrupted sweep in --out");
}

}  // namespace

void add_sweep_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<SweepOptions>();
    RunSpec& run = options->spec.run;
    CLI::App* command = program.add_subcommand("sweep", "Make each call that may run out of memory fail, one by one");
    command->footer(kSweepFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");
    command->add_option("SCENARIO", options->spec.scenario, "A name (`memrig scenarios list`) or a path")
        ->type_name("")
        ->required();
    command->add_option("--kernel", options->kernel, "Kernel: an id (`memrig kernels list`) or a path")
        ->type_name("ID|PATH")
        ->capture_default_str();
    add_modules_option(*command, run.modules);
    add_bench_options(*command, run);
    add_choice_options(*command, options->spec);
    command->add_option("--jobs", run.jobs, "Number of trials at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", run.seed, "Random seed; default: 0")->type_name("N")->check(decimal);
    command->add_option("--out", run.out, "Directory of the sweep; default: runs/TIME-PID")->type_name("DIR");
    command->add_option("--json", options->json, "Also write sweep.json to FILE; - is stdout")->type_name("FILE");
    add_hosts_option(*command, options->backend);
    add_accelerator_option(*command, run.accelerator);
    add_shared_options(*command, options->cluster);
    add_sbatch_words(*command, options->cluster);
    command->callback([options, command, &action] {
        options->words = words_for_task(*command);
        action = [options] { return sweep(*options); };
    });
}

}  // namespace memrig
