// memrig campaign
#include <charconv>
#include <memory>

#include "base/file.h"
#include "campaign/coordinator.h"
#include "campaign/shard.h"
#include "campaign/status.h"
#include "campaign/submission.h"
#include "campaign/summary.h"
#include "cli/backend_option.h"
#include "cli/build_identity.h"
#include "cli/campaign_slurm.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/old_name.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "report/campaign_reports.h"
#include "report/kernel_table.h"

namespace memrig {

namespace {

constexpr const char* kCampaignRunFooter =
    "Each trial is a process of its own. Its result counts once it is stored in the directory's campaign.sqlite.\n"
    "After any interruption, run the same command again to resume: no result is lost, and no trial is run twice.\n"
    "A trial whose worker or QEMU dies is run again, at most three times.\n"
    "A host that no longer answers gets no more trials; its unfinished trials are run on the other hosts.\n"
    "With --for, no trial begins after that time. If the plan is done before, the remaining time goes to the arms\n"
    "whose rates are known least.\n"
    "Exit status: 0 all results are as expected, 1 one is not, 2 bad usage or a bad plan, 3 rig fault,\n"
    "4 an arm has no result, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig campaign run examples/nightly.toml --jobs 2 --for 6h\n";

class ConsoleCampaignObserver final : public CampaignObserver {
public:
    explicit ConsoleCampaignObserver(const Terminal& terminal) : terminal_(terminal) {}
    void begun(std::uint64_t planned, std::uint64_t done) override {
        planned_ = planned;
        terminal_.print(done == 0 ? fmt::format("{} planned\n", counted(planned, "trial"))
                                  : fmt::format("{} planned, {} done before\n", counted(planned, "trial"), done));
    }
    void trial_done(const PlanCell& cell, const CampaignResult& result, std::uint64_t done) override {
        const std::string line =
            cut(fmt::format("{}/{}  {} #{}: {}  {}  {}", done, planned_, one_line(cell.key()), result.trial.number,
                            one_line(result.verdict), short_time(result.seconds), one_line(result.reason)),
                terminal_.table_width());
        terminal_.print((result.as_expected ? line : terminal_.paint().bad(line)) + "\n");
    }
    void cell_skipped(const PlanCell& cell, const std::string& why) override {
        terminal_.print(fmt::format("SKIP {}: {}\n", one_line(cell.key()), one_line(why)));
    }
    void cell_not_set_up(const PlanCell& cell, const std::string& why) override {
        const std::string line = fmt::format("NOT SET UP {}: {}", one_line(cell.key()), one_line(why));
        terminal_.print(terminal_.paint().bad(line) + "\n");
    }
    void runs_again(const PlanCell& cell, const CampaignTrial& trial, const std::string& why) override {
        terminal_.print(fmt::format("{} #{} is run again: {}\n", one_line(cell.key()), trial.number, one_line(why)));
    }

    void host_lost(const std::string& host, const std::string& why) override {
        terminal_.print(terminal_.paint().bad(fmt::format("{} is lost: {}", one_line(host), one_line(why))) + "\n");
    }

private:
    const Terminal& terminal_;
    std::uint64_t planned_ = 0;
};

struct CampaignOptions {
    std::string plan, directory, span, shard, published;
    std::string accelerator = "auto", backend = "qemu";
    unsigned jobs = 1;
};

// With --publish, the plan must be the one that was submitted.
Status check_published(const CampaignOptions& options, const Plan& plan, unsigned shards) {
    if (options.published.empty()) return {};
    if (!options.directory.empty()) return fail(Fault::user_input, "--publish and --out exclude each other");
    MEMRIG_TRY(const Submission submission, read_submission(options.published));
    return check_submission(submission, plan_hash(plan), build_identity(), shards);
}

// REQUIRES: `shard` is empty or good.
fs::path default_directory(const Plan& plan, const std::string& shard) {
    fs::path directory = fs::path("campaigns") / plan.name;
    if (const auto one = parse_shard(shard)) directory += fmt::format("-{}-of-{}", one->number, one->count);
    return directory;
}

// Makes the directory in which a task of a submitted campaign runs the shard. Nothing if the shard has a result.
Result<std::optional<TemporaryDirectory>> begin_attempt(const fs::path& directory, const CampaignSpec& spec) {
    MEMRIG_TRY(const bool done, has_result(directory, spec.shard->shard.number));
    if (done) return std::nullopt;
    return make_attempt(directory, spec.shard->shard.number);
}

int run(const CampaignOptions& options) {
    auto plan = load_plan(options.plan);
    if (!plan) return report_error(plan.error());
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code);
    if (code) return report_error({Fault::host, "cannot find the program file of memrig: " + code.message(), {}});
    CampaignSpec spec;
    spec.directory = options.directory.empty() ? default_directory(*plan, options.shard) : fs::path(options.directory);
    if (!options.shard.empty()) {
        if (!options.span.empty())
            return report_error(
                {Fault::user_input, "--for and --shard exclude each other: a shard runs its own trials", {}});
        const auto shard = parse_shard(options.shard);
        if (!shard) return report_error(shard.error());
        spec.shard = identify_shard(*plan, *shard, build_identity());
        if (const Status same = check_published(options, *plan, shard->count); !same) return report_error(same.error());
        plan = shard_plan(*plan, *shard);
        if (!plan) return report_error(plan.error());
    }
    spec.plan = *std::move(plan);
    spec.jobs = options.jobs;
    spec.worker = {program.string(), "run"};
    spec.accelerator = options.accelerator;
    spec.hosts = hosts_of(options.backend);
    spec.answers = host_answers;
    if (!options.span.empty()) spec.budget = parse_span(options.span);

    const Terminal terminal(stdout);
    std::optional<TemporaryDirectory> attempt;  // with --publish: where this attempt is made
    if (!options.published.empty()) {
        auto made = begin_attempt(options.published, spec);
        if (!made) return report_error(made.error());
        if (!*made) {
            terminal.print(fmt::format("shard {} has a result already\n", spec.shard->shard.text()));
            return kExitGood;
        }
        attempt = **std::move(made);
        spec.directory = attempt->path();
    }
    ConsoleCampaignObserver observer(terminal);
    const Status done = run_campaign_plan(spec, observer);
    if (!done && done.error().fault != Fault::interrupted) return report_error(done.error());
    if (attempt && !done) return report_error(done.error());
    const auto loaded = load_campaign(spec.directory, options.plan);
    if (!loaded) return report_error(loaded.error());
    const auto& cells = loaded->record.cells;
    terminal.print("\n" + campaign_status_text(spec.plan.name, cells, loaded->record.hosts, terminal.paint(),
                                               terminal.table_width()));
    const std::string kernels = kernel_table(run_results_of(loaded->record), terminal.paint(), terminal.table_width());
    if (!kernels.empty()) terminal.print("\n" + kernels);
    for (const auto& note : loaded->night.notes) terminal.print("note: " + one_line(note) + "\n");
    if (attempt) return publish_result(*std::move(attempt), options.published, spec.shard->shard.number);
    terminal.print(fmt::format("results and evidence: {}\n", one_line(spec.directory.string())));
    return done ? campaign_exit_status(cells) : report_error(done.error());
}

int status(const std::string& directory, const std::string& json) {
    if (const Status target = check_json_target(json); !target) return report_error(target.error());
    if (is_submission(directory)) return submission_status(directory, json);
    const auto loaded = load_campaign(directory);
    if (!loaded) return report_error(loaded.error());
    const auto& cells = loaded->record.cells;
    const std::string& name = loaded->night.name;
    const Terminal terminal(stdout);
    const auto& hosts = loaded->record.hosts;
    const Status printed = show(
        json, [&] { return campaign_status_text(name, cells, hosts, terminal.paint(), terminal.table_width()); },
        [&] { return campaign_status_json(name, cells, hosts); });
    return printed ? kExitGood : report_error(printed.error());
}

}  // namespace

void add_campaign_command(CLI::App& program, Action& action) {
    CLI::App* command =
        program.add_subcommand("campaign", "Run many trials in worker processes; can be interrupted and resumed");
    command->require_subcommand(1);

    auto options = std::make_shared<CampaignOptions>();
    CLI::App* run_command = command->add_subcommand("run", "Run a plan, or resume it");
    run_command->footer(kCampaignRunFooter);
    run_command->add_option("PLAN", options->plan, "A plan file (docs/campaigns.md)")->required();
    run_command->add_option("--out", options->directory, "The campaign's directory; default: campaigns/NAME")
        ->type_name("DIR");
    add_old_name(*run_command, "--dir", "--out", options->directory);
    run_command->add_option("--jobs", options->jobs, "Number of trials at the same time")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    run_command->add_option("--for", options->span, "Time budget: 90s, 30m, 6h")
        ->type_name("TIME")
        ->check(CLI::Validator(not_a_span, "", "time"));
    run_command
        ->add_option("--shard", options->shard,
                     "Run only the K-th of N parts of the plan; memrig campaign merge joins them")
        ->type_name("K/N")
        ->check(CLI::Validator(not_a_shard, "", "shard"));
    run_command
        ->add_option("--publish", options->published,
                     "The directory of a submitted campaign: its tasks run their shard in it with this option")
        ->type_name("DIR")
        ->needs("--shard");
    add_accelerator_option(*run_command, options->accelerator);
    add_hosts_option(*run_command, options->backend);
    run_command->callback([options, &action] { action = [options] { return run(*options); }; });

    add_shard_commands(*command, action);

    auto directory = std::make_shared<std::string>();
    auto json = std::make_shared<std::string>();
    CLI::App* status_command =
        command->add_subcommand("status", "Show the progress of a campaign, from any terminal, at any time");
    status_command->add_option("DIR", *directory, "The campaign's directory")->required();
    add_json_option(*status_command, *json);
    status_command->callback(
        [directory, json, &action] { action = [directory, json] { return status(*directory, *json); }; });
}

}  // namespace memrig
