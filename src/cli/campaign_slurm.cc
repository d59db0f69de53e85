#include "cli/campaign_slurm.h"

#include <algorithm>
#include <memory>

#include <poll.h>
#include <unistd.h>

#include "base/stop_request.h"
#include "campaign/merge.h"
#include "campaign/submission_status.h"
#include "cli/build_identity.h"
#include "cli/cluster.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/output.h"
#include "cli/validators.h"

namespace memrig {

namespace {

constexpr const char* kSubmitFooter =
    "The directory must be one that all nodes share. Each task runs one shard, in a directory and with a database of "
    "its\n"
    "own, and publishes the result there at its end. The same command again submits the shards that have no result "
    "and\n"
    "are not in Slurm's queue. Options after -- go to sbatch.\n"
    "Exit status: 0 submitted, or nothing was left to submit; 2 bad usage, a changed plan, or the cluster refuses;\n"
    "3 no Slurm.\n\n"
    "Example:\n"
    "  memrig campaign submit examples/nightly.toml --slurm --shards 40 --partition lab -- --time=60\n";
constexpr const char* kWaitFooter =
    "Can be interrupted and started again at any time; the campaign goes on without it.\n"
    "Exit status: 0 every shard has a result, 3 no Slurm, 4 a shard has none and is not in Slurm's queue,\n"
    "130 interrupted.\n\n"
    "Example:\n"
    "  memrig campaign wait campaigns/nightly\n";
constexpr const char* kCancelFooter =
    "Shards that are done keep their results. memrig campaign submit submits the others again.\n\n"
    "Example:\n"
    "  memrig campaign cancel campaigns/nightly\n";
constexpr const char* kMergeFooter =
    "DIR is a submitted campaign, or the directory of one shard. Every trial must be there exactly once: missing "
    "shards,\n"
    "and shards of other plans, seeds, memrig versions or kernel images are refused. Of two attempts of one shard the\n"
    "first counts; differences are reported. Evidence is linked where possible, else copied.\n"
    "Exit status: 0 merged, 2 the shards are refused, 3 the host failed, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig campaign merge campaigns/nightly --out nights/2026-11-29\n";

// A network file system may show a new result this much later than Slurm the end of its task.
constexpr std::chrono::seconds kVisibleAfter{90};
constexpr std::chrono::seconds kGlance{5};

struct SubmitOptions {
    std::string plan, directory, accelerator = "auto";
    unsigned jobs = 1;
    ClusterOptions cluster;
};

int submit(const SubmitOptions& options) {
    const ClusterOptions& cluster = options.cluster;
    if (!cluster.slurm)
        return report_error({Fault::user_input, "--slurm is required: memrig submits to no other scheduler", {}});
    const auto plan = load_plan(options.plan);
    if (!plan) return report_error(plan.error());
    const fs::path directory =
        options.directory.empty() ? fs::path("campaigns") / plan->name : fs::path(options.directory);
    auto spec = submit_spec(cluster, directory, options.jobs);
    if (!spec) return report_error(spec.error());
    spec->work = work_of(*plan, spec->directory,
                         {"--jobs", fmt::format("{}", options.jobs), "--accel", options.accelerator}, build_identity());
    return report_submission(submit_work(*spec), directory.string());
}

// Slurm is asked before the results are looked at: a task may end in between.
Result<std::vector<ShardStatus>> look_at(const fs::path& directory, const Submission& submission, bool thorough) {
    const auto only_results = shard_states(directory, submission, {}, thorough);
    const bool all_done =
        std::ranges::all_of(only_results, [](const ShardStatus& one) { return one.state == ShardState::done; });
    if (all_done) return only_results;  // Slurm need not be there any more
    MEMRIG_TRY(const auto tasks, slurm_tasks(submission.job_name));
    return shard_states(directory, submission, tasks, thorough);
}

// Returns true at a request to stop.
bool stopped_within(std::chrono::milliseconds span) {
    pollfd stop{stop_request().descriptor(), POLLIN, 0};
    ::poll(&stop, 1, static_cast<int>(span.count()));
    return stop_request().requested();
}

// Waits until every shard is done, or until no task is left that could bring a missing one.
class Waiter {
public:
    Waiter(fs::path directory, Submission submission)
        : directory_(std::move(directory)), submission_(std::move(submission)) {}

    int run() {
        for (;;) {
            if (stop_request().requested()) return report_error(stop_request().error());
            if (const auto status = look()) return *status;
            if (stopped_within(kGlance)) return report_error(stop_request().error());
        }
    }

private:
    std::optional<int> look() {
        const auto shards = look_at(directory_, submission_, false);
        if (!shards) return silence(shards.error());
        said_silent_ = false;
        const SubmissionSum sum = sum_of(*shards);
        if (sum.done == submission_.shards) return close(kExitGood);
        if (!last_ || *last_ != sum) {
            terminal_.print(submission_line(submission_, sum) + "\n");
            last_ = sum;
            changed_ = Deadline::after(kVisibleAfter);
        }
        const bool ended = sum.running + sum.pending == 0;
        const bool maybe_late = std::ranges::any_of(
            *shards, [](const ShardStatus& one) { return one.state == ShardState::failed && one.why == "COMPLETED"; });
        if (!ended || (maybe_late && !changed_.expired())) return std::nullopt;
        return close(kExitNothingRun);
    }

    // The controller may be restarted; the shards go on meanwhile. Without Slurm's commands, waiting is in vain.
    std::optional<int> silence(const Error& error) {
        if (error.fault == Fault::interrupted || error.message.starts_with("Slurm is not there"))
            return report_error(error);
        if (!said_silent_) terminal_.print(one_line(error.message) + "; waiting for it\n");
        said_silent_ = true;
        return std::nullopt;
    }

    // A damaged result shows only when its database is read, which is done once, at the end.
    int close(int status) {
        const auto shards = look_at(directory_, submission_, true);
        if (!shards) return report_error(shards.error());
        terminal_.print(submission_text(submission_, *shards, terminal_.paint()));
        const std::string directory = one_line(directory_.string());
        if (status == kExitGood && sum_of(*shards).done == submission_.shards) {
            terminal_.print(fmt::format("join them with memrig campaign merge {} --out DIR\n", directory));
            return kExitGood;
        }
        terminal_.print("submit the plan again for the shards without a result\n");
        return kExitNothingRun;
    }

    fs::path directory_;
    Submission submission_;
    Terminal terminal_{stdout};
    std::optional<SubmissionSum> last_;
    Deadline changed_ = Deadline::after(kVisibleAfter);
    bool said_silent_ = false;
};

int wait(const std::string& directory) {
    auto submission = read_submission(directory);
    if (!submission) return report_error(submission.error());
    return Waiter(directory, *std::move(submission)).run();
}

int cancel(const std::string& directory) {
    const auto submission = read_submission(directory);
    if (!submission) return report_error(submission.error());
    if (const Status done = cancel_in_slurm(submission->job_name); !done) return report_error(done.error());
    Terminal(stdout).print(fmt::format("cancelled: {}\n", submission->job_name));
    return kExitGood;
}

// The shards of other work than a campaign are joined by the command that submitted it, which then makes its reports.
int merge_by_command(const fs::path& directory, const fs::path& out, const Submission& submission) {
    std::error_code code;
    std::vector<std::string> words = {"memrig"};
    words.insert(words.end(), submission.command.begin(), submission.command.end());
    for (const std::string& word :
         {"--join=" + fs::absolute(directory).string(), "--out=" + fs::absolute(out).string()})
        words.push_back(word);
    fs::current_path(submission.working_directory, code);  // the words were given there
    if (code)
        return report_error({Fault::user_input,
                             fmt::format("cannot go to {}, where the work was submitted: {}",
                                         submission.working_directory.string(), code.message()),
                             {}});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv("/proc/self/exe", argv.data());
    return report_error(fail_errno(Fault::host, "run memrig " + submission.command.front()).error());
}

int merge(const std::vector<std::string>& directories, const std::string& out) {
    if (directories.size() == 1 && is_submission(directories.front())) {
        const auto submission = read_submission(directories.front());
        if (!submission) return report_error(submission.error());
        if (!submission->is_campaign()) return merge_by_command(directories.front(), out, *submission);
    }
    const auto report = merge_campaign({directories.begin(), directories.end()}, out);
    if (!report) return report_error(report.error());
    const Terminal terminal(stdout);
    for (const auto& note : report->notes) terminal.print("note: " + one_line(note) + "\n");
    terminal.print(fmt::format("{} of {} merged into {}\n", counted(report->trials, "trial"),
                               counted(report->shards, "shard"), one_line(out)));
    return kExitGood;
}

void add_submit_command(CLI::App& campaign, Action& action) {
    auto options = std::make_shared<SubmitOptions>();
    CLI::App* command = campaign.add_subcommand("submit", "Submit a plan to a cluster, one task for each shard");
    command->footer(kSubmitFooter);
    command->add_option("PLAN", options->plan, "A plan file (docs/campaigns.md)")->required();
    add_submit_options(*command, options->cluster);
    command->add_option("--out", options->directory, "The campaign's directory; default: campaigns/NAME")
        ->type_name("DIR");
    command->add_option("--jobs", options->jobs, "Number of trials at the same time in each task")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    add_accelerator_option(*command, options->accelerator);
    add_sbatch_words(*command, options->cluster);
    command->callback([options, &action] { action = [options] { return submit(*options); }; });
}

}  // namespace

int submission_status(const std::string& directory, const std::string& json) {
    const auto submission = read_submission(directory);
    if (!submission) return report_error(submission.error());
    const auto shards = look_at(directory, *submission, true);
    if (!shards) return report_error(shards.error());
    const Terminal terminal(stdout);
    const Status printed = show(
        json, [&] { return submission_text(*submission, *shards, terminal.paint()); },
        [&] { return submission_json(*submission, *shards); });
    return printed ? kExitGood : report_error(printed.error());
}

void add_shard_commands(CLI::App& campaign, Action& action) {
    add_submit_command(campaign, action);
    for (const auto& [name, purpose, footer, act] :
         {std::tuple("wait", "Wait until every shard of a submitted campaign has a result", kWaitFooter, &wait),
          std::tuple("cancel", "Cancel the tasks of a submitted campaign", kCancelFooter, &cancel)}) {
        auto directory = std::make_shared<std::string>();
        CLI::App* command = campaign.add_subcommand(name, purpose);
        command->footer(footer);
        command->add_option("DIR", *directory, "The campaign's directory")->required();
        command->callback([directory, &action, act = act] { action = [directory, act] { return act(*directory); }; });
    }
    auto directories = std::make_shared<std::vector<std::string>>();
    auto out = std::make_shared<std::string>();
    CLI::App* command = campaign.add_subcommand("merge", "Join the shards of a campaign");
    command->footer(kMergeFooter);
    command->add_option("DIR", *directories, "A submitted campaign, or the directories of its shards")->required();
    command->add_option("--out", *out, "The merged campaign's directory")->type_name("DIR")->required();
    command->callback(
        [directories, out, &action] { action = [directories, out] { return merge(*directories, *out); }; });
}

}  // namespace memrig
