// memrig hunt
#include <algorithm>
#include <memory>
#include <random>

#include <fmt/ranges.h>

#include "base/file.h"
#include "base/shell.h"
#include "campaign/hunt.h"
#include "campaign/submission.h"
#include "cli/backend_option.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/modules_option.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "report/hunt_report.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostHunted = 1'000'000;

constexpr const char* kHuntFooter =
    "Composes races of two to five actors (adders, removers, onliners, offliners, readers and writers of files),\n"
    "schedules each by random priorities (PCT), and judges it by all oracles. Half of the cases are variations of\n"
    "those that passed a pair of points or took a pair of locks that no case before had. Each finding is shrunk to "
    "the\n"
    "smallest case that still comes to it, and becomes a scenario file, which `memrig run` plays.\n"
    "With --baselines, three other ways of scheduling take turns with the priorities: random delays, all at once, and\n"
    "all at once again and again, as a shell loop in the guest does.\n"
    "With --arm SCENARIO:ARM, the kernel is changed as by that arm: shows whether and how soon the hunt finds it.\n"
    "With --slurm, submits the --most N cases to Slurm. Each shard learns from its own cases alone. memrig campaign\n"
    "wait, status, cancel and merge take --out, which all nodes must share (docs/campaigns.md). The merged hunt "
    "shrinks\n"
    "its findings with --resume.\n"
    "Exit status: 0 nothing was found, 1 something was, 2 bad usage or a bad input file, 3 rig fault, 4 no trial\n"
    "came to a verdict, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig hunt --for 10m --kernel debian-6.12-amd64 --jobs 2 --out hunts/one\n"
    "  memrig hunt --for 20m --kernel debian-6.12-amd64 --jobs 2 --out hunts/one --resume\n"
    "  memrig hunt --most 4000 --slurm --shards 16 --out /shared/hunt -- --time=60\n"
    "  memrig hunt --for 5m --arm race/acpi-dimm-online:mutant --baselines\n"
    "  memrig run hunts/one/findings/8d69c7ebdd9e.toml --kernel debian-6.12-amd64\n";

struct HuntOptions {
    HuntSpec spec;
    ClusterOptions cluster;
    std::vector<std::string> words;  // words_for_task()
    std::string kernel = "debian-6.12-amd64", time, changed;
    std::optional<std::uint64_t> seed;
    bool baselines = false, keep_large = false;
    std::string backend = "qemu", json;
};

std::string no_hunt_bench(const std::string& text) {
    const auto benches = hunt_benches();
    return std::ranges::find(benches, text) != benches.end()
               ? ""
               : fmt::format("a hunt knows no bench \"{}\": it knows {}", text, fmt::join(benches, ", "));
}

Status complete(HuntOptions& options) {
    HuntSpec& spec = options.spec;
    if (options.time.empty() && spec.most == 0)
        return fail_with({Fault::user_input, "a hunt needs an end", {}}, "give --for TIME or --most N");
    if (!options.time.empty()) spec.seconds = static_cast<double>(parse_span(options.time)->count());
    const ClusterOptions& cluster = options.cluster;
    const bool shared = cluster.slurm || !cluster.publish.empty() || !cluster.join.empty();
    if (shared && (spec.most == 0 || spec.seconds > 0))
        return fail_with({Fault::user_input, "a hunt on Slurm ends after a number of cases", {}},
                         "give --most N, and no --for");
    if (!shared) MEMRIG_CHECK(check_out(spec.run.out, spec.resume, "hunt"));
    if (!options.changed.empty()) {
        const auto colon = options.changed.rfind(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == options.changed.size())
            return fail(Fault::user_input, "--arm \"{}\" is not SCENARIO:ARM", options.changed);
        spec.scenario = options.changed.substr(0, colon);
        spec.arm = options.changed.substr(colon + 1);
    }
    if (spec.benches.empty()) spec.benches = hunt_benches();
    if (options.baselines)
        spec.strategies = {HuntStrategy::priorities, HuntStrategy::delays, HuntStrategy::nobody, HuntStrategy::loop};
    const fs::path earlier = cluster.slurm ? opening_of(spec.run.out) : spec.run.out;
    std::error_code code;
    if (options.seed) spec.seed = *options.seed;
    else if (spec.resume || (cluster.slurm && fs::exists(earlier / "hunt.jsonl", code))) {
        MEMRIG_TRY(spec.seed, seed_of_hunt(earlier));
    } else spec.seed = std::random_device{}();
    // The same words in the same order for the submission and for its tasks, wherever the seed comes from.
    std::erase_if(options.words, [](const std::string& word) { return word.starts_with("--seed="); });
    options.words.push_back(fmt::format("--seed={}", spec.seed));
    spec.shrink = !options.keep_large;
    spec.run.kernels = {options.kernel};
    return {};
}

WorkTally tally_of(const HuntOptions& options, const Hunt& hunt, const Portion& portion) {
    WorkTally tally;
    tally.whole = options.spec.most;
    tally.kernels = hunt.images;
    tally.files = {"hunt.jsonl"};
    if (portion.kind == Portion::Kind::opening) tally.needs = {options.kernel};
    for (const HuntedCase& one : hunt.cases) {
        tally.units++;
        if (!one.not_played.empty()) continue;
        tally.as_expected += one.trial.verdict == Verdict::held;
        tally.rig_faults += one.trial.verdict == Verdict::rig_fault;
    }
    return tally;
}

int hunt(HuntOptions options) {
    HuntSpec& spec = options.spec;
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    if (const Status fits = complete(options); !fits) return report_error(fits.error());
    const SharedCommand shared{
        "hunt", "case", spec.run.jobs, options.words, spec.run.out, [&](const Portion& portion, const fs::path& out) {
            return play_cases<HuntSpec, Hunt>(spec, options.backend, portion, out, run_hunt,
                                              [&](const Hunt& hunt) { return tally_of(options, hunt, portion); });
        }};
    if (const auto status = share(options.cluster, shared, spec.resume, spec.run.portion)) return *status;
    const bool own_directory = spec.run.out.empty();
    if (own_directory) spec.run.out = default_run_directory();
    const Terminal terminal(options.json == "-" ? stderr : stdout);
    const auto hosts = connect_hosts(options.backend);
    if (!hosts) return report_error(hosts.error());
    Result<Hunt> done;
    {
        ConsoleObserver observer(terminal, spec.run);
        for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
        done = run_hunt(spec, hosts->all(), observer);
    }
    if (!done) {
        if (own_directory) remove_if_empty(spec.run.out);
        return report_error(done.error());
    }
    const std::string json = hunt_json(*done);
    if (const Status kept = write_file(spec.run.out / "hunt.json", json); !kept) return report_error(kept.error());
    if (!options.json.empty())
        if (const Status sent = write_json(options.json, json); !sent) return report_error(sent.error());
    terminal.print("\n" + hunt_text(*done, spec.run.out, terminal.paint()));
    terminal.print(fmt::format("hunt and evidence: {0}\na page of them: memrig report {0} --format html\n",
                               one_line(shell_word(spec.run.out.string()))));
    return done->exit_status();
}

void add_end_options(CLI::App& command, HuntOptions& options) {
    const CLI::Validator decimal(not_decimal, "", "decimal");
    command.add_option("--for", options.time, "Compose cases for so long (90s, 10m, 2h); shrinking comes after that")
        ->type_name("TIME")
        ->check(CLI::Validator(not_a_span, "", "time"));
    command.add_option("--most", options.spec.most, "Play no more cases than this")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostHunted).description(""));
    command.add_flag("--resume", options.spec.resume, "Go on with the interrupted hunt in --out");
}

}  // namespace

void add_hunt_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<HuntOptions>();
    RunSpec& run = options->spec.run;
    CLI::App* command = program.add_subcommand("hunt", "Compose races at random, and shrink those that convict");
    command->footer(kHuntFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");
    add_end_options(*command, *options);
    command->add_option("--kernel", options->kernel, "Kernel: an id (`memrig kernels list`) or a path")
        ->type_name("ID|PATH")
        ->capture_default_str();
    add_modules_option(*command, run.modules);
    command
        ->add_option("--bench", options->spec.benches,
                     "Only on this bench; may be given again; default: all that a hunt knows")
        ->type_name("NAME")
        ->allow_extra_args(false)
        ->check(CLI::Validator(no_hunt_bench, "", "bench"));
    command->add_option("--arm", options->changed, "Change the kernel as by this arm of a scenario")
        ->type_name("SCENARIO:ARM");
    command->add_flag("--baselines", options->baselines,
                      "Also schedule by random delays, not at all, and in a loop, in turns");
    command->add_flag("--no-shrink", options->keep_large, "Leave the findings as they were found");
    command->add_option("--jobs", run.jobs, "Number of trials at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", options->seed, "Random seed; default: random, printed")
        ->type_name("N")
        ->check(decimal);
    command->add_option("--out", run.out, "Directory of the hunt; default: runs/TIME-PID")->type_name("DIR");
    command->add_option("--json", options->json, "Also write hunt.json to FILE; - is stdout")->type_name("FILE");
    add_hosts_option(*command, options->backend);
    add_accelerator_option(*command, run.accelerator);
    add_shared_options(*command, options->cluster);
    add_sbatch_words(*command, options->cluster);
    command->callback([options, command, &action] {
        options->words = words_for_task(*command);
        action = [options] { return hunt(*options); };
    });
}

}  // namespace memrig
