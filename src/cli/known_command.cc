// memrig known
#include <memory>

#include "base/file.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "report/known_bugs_report.h"
#include "run/known_bugs.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostBugTrials = 1000;
constexpr const char* kKnownFooter =
    "Plays each bug of scenarios/known: a kernel that has the bug has to be convicted, and the same kernel with the "
    "fix\n"
    "has to hold. The bug is a stock kernel's own, or comes back by a change of the running kernel that takes exactly\n"
    "the fix away, or by a source mutant. A kernel that is not in the cache is fetched; one that is built from source\n"
    "takes minutes.\n"
    "Bugs that are not shown are listed with the reason (rig/unshown-bugs.toml).\n"
    "The directory gets known.json, known.md, known.jsonl and the evidence of each trial.\n"
    "Exit status: 0 every bug was shown, 1 one was not, 2 bad usage or a bad input file, 3 rig fault, 4 nothing was\n"
    "played, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig known --list\n"
    "  memrig known --kernel debian-6.12-amd64 --jobs 2 --out known\n"
    "  memrig known --kernel debian-6.12-amd64 --jobs 2 --out known --resume\n";

struct KnownOptions {
    KnownBugsSpec spec;
    std::string backend = "qemu", json;
    bool list = false;
};

// The progress needs to know only whether lines name scenario and kernel. Here they always do.
RunSpec shown_run(const KnownBugsSpec& spec) {
    RunSpec run;
    run.scenarios = {"known", "known"};
    run.kernels = {"several", "several"};
    run.out = spec.out;
    return run;
}

int list_known(const KnownOptions& options) {
    const auto bugs = known_bugs(options.spec);
    if (!bugs) return report_error(bugs.error());
    const Terminal terminal(stdout);
    if (!options.json.empty()) {
        const Status written = write_json(options.json, known_bugs_json(*bugs));
        if (!written) return report_error(written.error());
        if (options.json == "-") return kExitGood;
    }
    terminal.print(known_bugs_text(*bugs, terminal.paint()));
    return kExitGood;
}

int play_known(KnownOptions options) {
    KnownBugsSpec& spec = options.spec;
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    if (options.list) return list_known(options);
    if (const Status fits = check_out(spec.out, spec.resume, "run"); !fits) return report_error(fits.error());
    if (const auto bugs = known_bugs(spec); !bugs) return report_error(bugs.error());
    const bool own_directory = spec.out.empty();
    if (own_directory) spec.out = default_run_directory();
    const Terminal terminal(options.json == "-" ? stderr : stdout);
    const auto hosts = connect_hosts(options.backend);
    if (!hosts) return report_error(hosts.error());
    Result<KnownBugs> done;
    {
        ConsoleObserver observer(terminal, shown_run(spec));
        for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
        done = play_known_bugs(spec, hosts->all(), observer);
    }
    if (!done) {
        if (own_directory) remove_if_empty(spec.out);
        return report_error(done.error());
    }
    const std::string json = known_bugs_json(*done);
    if (const Status kept = write_file(spec.out / "known.json", json); !kept) return report_error(kept.error());
    if (const Status kept = write_file(spec.out / "known.md", known_bugs_markdown(*done)); !kept)
        return report_error(kept.error());
    if (!options.json.empty())
        if (const Status sent = write_json(options.json, json); !sent) return report_error(sent.error());
    terminal.print("\n" + known_bugs_text(*done, terminal.paint()));
    terminal.print(fmt::format("known bugs and evidence: {}\n", one_line(spec.out.string())));
    return done->exit_status();
}

}  // namespace

void add_known_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<KnownOptions>();
    KnownBugsSpec& spec = options->spec;
    CLI::App* command = program.add_subcommand("known", "Play bugs that were fixed upstream, with and without the fix");
    command->footer(kKnownFooter);
    const CLI::Validator decimal(not_decimal, "", "decimal");
    const auto list = [&](const char* name, std::vector<std::string>& into, const char* help) {
        command->add_option(name, into, help)->type_name("NAME,...")->delimiter(',')->allow_extra_args(false);
    };
    list("--kernel,--kernels", spec.kernels, "Only bugs that are played on these kernels; default: all");
    list("--bug,--bugs", spec.bugs, "Only these bugs, by the scenario's name or path; default: all");
    command->add_flag("--list", options->list, "List the bugs, and play none");
    command->add_option("--trials", spec.trials, "Most trials of each side; a conviction ends them early")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostBugTrials).description(""))
        ->capture_default_str();
    command->add_option("--jobs", spec.jobs, "Number of bugs that are played at the same time")
        ->type_name("N")
        ->check(decimal)
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", spec.seed, "Random seed; default: 0")->type_name("N")->check(decimal);
    command->add_option("--out", spec.out, "Directory for the reports and the evidence; default: runs/TIME-PID")
        ->type_name("DIR");
    command->add_flag("--resume", spec.resume, "Go on with the interrupted run in --out");
    command->add_option("--json", options->json, "Also write known.json to FILE; - is stdout")->type_name("FILE");
    add_accelerator_option(*command, spec.accelerator);
    add_hosts_option(*command, options->backend);
    command->callback([options, &action] { action = [options] { return play_known(*options); }; });
}

}  // namespace memrig
