#include "cli/cluster.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/paths.h"
#include "campaign/coordinator.h"
#include "campaign/work_merge.h"
#include "cli/build_identity.h"
#include "cli/output.h"

namespace memrig {

namespace {

Result<std::map<std::string, std::string>> hashes_of(const fs::path& directory, const std::vector<fs::path>& files) {
    std::map<std::string, std::string> hashes;
    for (const fs::path& file : files) {
        MEMRIG_TRY(hashes[file.generic_string()], hash_file(directory / file));
    }
    return hashes;
}

// Plays the opening. An opening that was played before is only read, so that a changed scenario is noticed.
Result<Work> open_work(const SharedCommand& command, const fs::path& directory) {
    const fs::path opening = opening_of(directory);
    MEMRIG_CHECK(make_directories(opening));
    MEMRIG_TRY(WorkTally tally, command.play({Portion::Kind::opening, {}}, opening));
    tally.units = tally.whole;
    MEMRIG_TRY(const auto hashes, hashes_of(opening, tally.files));
    Work work{command.name,     command.unit,  tally.units, work_hash(command.words, hashes),
              build_identity(), command.words, false};
    for (const auto& kernel : tally.needs) work.kernels.emplace_back(kernel, fs::path());
    if (!has_seal(opening)) MEMRIG_CHECK(seal_work(opening, {{1, 1}, work.hash, work.memrig}, tally));
    MEMRIG_TRY(const ShardSeal seal, check_finished_shard(opening));
    if (seal.files != hashes)
        return fail_with({Fault::user_input, opening.string() + " is of other work", {}}, "give a new --out");
    return work;
}

Result<SubmitReport> submit_command(const ClusterOptions& options, const SharedCommand& command) {
    if (command.out.empty())
        return fail_with({Fault::user_input, "--slurm needs a directory that all nodes share", {}}, "add --out DIR");
    MEMRIG_TRY(SubmitSpec spec, submit_spec(options, command.out, command.jobs));
    const fs::path& directory = spec.directory;
    MEMRIG_CHECK(check_submit_directory(directory));
    // Before the opening, which may take minutes.
    MEMRIG_CHECK(slurm_tasks("memrig-" + command.name));
    std::error_code code;
    const bool made = !fs::exists(directory, code);
    Result<SubmitReport> report = std::unexpected(Error{});
    if (auto work = open_work(command, directory)) {
        spec.work = *std::move(work);
        report = submit_work(spec);
    } else report = std::unexpected(work.error());
    if (!report && !is_submission(directory)) {
        fs::remove_all(opening_of(directory), code);
        if (made) fs::remove(directory, code);
    }
    return report;
}

// Copies what each shard begins with. No links: the shard goes on writing to its journals.
Status begin_with_opening(const fs::path& opening, const ShardSeal& opened, const fs::path& attempt) {
    for (const auto& [name, sha256] : opened.files) {
        MEMRIG_TRY(const std::string text, read_file(opening / name));
        MEMRIG_CHECK(make_directories((attempt / name).parent_path()));
        MEMRIG_CHECK(write_file(attempt / name, text));
    }
    return {};
}

// Plays the shard. A rig fault is played again, and becomes the unit's result at the third time.
Result<WorkTally> play_shard(const SharedCommand& command, Shard shard, const ShardSeal& opened, const fs::path& out) {
    WorkTally tally;
    std::map<std::string, std::string> kernels;
    std::error_code code;
    const std::vector<fs::path> rooms = {out, fs::temp_directory_path(code)};
    for (unsigned failures = 0; failures < kMostFailures; failures++) {
        MEMRIG_CHECK(check_room(rooms, kLeastRoom));
        MEMRIG_TRY(tally, command.play({Portion::Kind::shard, shard}, out));
        kernels.insert(tally.kernels.begin(), tally.kernels.end());
        if (tally.rig_faults == 0) break;
        MEMRIG_CHECK(check_room(rooms, kLeastRoom));  // a full disk may be the reason; then it is no result
    }
    tally.kernels = std::move(kernels);
    for (const auto& [kernel, sha256] : tally.kernels)
        if (const auto known = opened.kernels.find(kernel); known != opened.kernels.end() && known->second != sha256)
            return fail(Fault::user_input, "the image of kernel {} differs from the one that the work was opened with",
                        kernel);
    const std::uint64_t own = units_of(shard, opened.trials).size();
    if (tally.whole != opened.trials || tally.units != own)
        return fail_with(
            {Fault::guest,
             fmt::format("only {} of the shard's {} came to a result", tally.units, counted(own, command.unit)),
             {}},
            "see the lines above");
    return tally;
}

}  // namespace

Result<SubmitSpec> submit_spec(const ClusterOptions& options, const fs::path& directory, unsigned jobs) {
    SubmitSpec spec;
    std::error_code code;
    spec.program = fs::read_symlink("/proc/self/exe", code);
    if (code) return fail(Fault::host, "cannot find the program file of memrig: {}", code.message());
    MEMRIG_TRY(const fs::path cache, cache_directory());
    spec.directory = fs::absolute(directory).lexically_normal();
    spec.shards = options.shards;
    spec.jobs = jobs;
    spec.partition = options.partition;
    spec.prepare = options.cache.empty();
    spec.cache = spec.prepare ? cache : fs::path(options.cache);
    spec.options = options.sbatch;
    return spec;
}

int report_submission(const Result<SubmitReport>& report, const std::string& directory) {
    if (!report) return report_error(report.error());
    const Terminal terminal(stdout);
    if (report->damaged > 0)
        terminal.print(fmt::format("{} damaged: set aside, to be run again\n", counted(report->damaged, "result")));
    if (report->job.empty())
        terminal.print(fmt::format("nothing to submit: {} done, {} in Slurm's queue\n", counted(report->done, "shard"),
                                   report->queued));
    else
        terminal.print(fmt::format("job {}: {} submitted, {} done before, {} in Slurm's queue before\n", report->job,
                                   counted(report->shards.size(), "shard"), report->done, report->queued));
    terminal.print(fmt::format("follow it with memrig campaign wait {}\n", one_line(directory)));
    return kExitGood;
}

int publish_result(TemporaryDirectory attempt, const std::string& directory, unsigned shard) {
    const auto first = publish(std::move(attempt), directory, shard);
    if (!first) return report_error(first.error());
    Terminal(stdout).print(*first ? "the result is published\n"
                                  : "another attempt was first; this one stays beside it\n");
    return kExitGood;
}

int submit_shared(const ClusterOptions& options, const SharedCommand& command) {
    return report_submission(submit_command(options, command), command.out.string());
}

int run_shared_shard(const ClusterOptions& options, const SharedCommand& command) {
    const auto done = [&]() -> Result<int> {
        MEMRIG_TRY(const Shard shard, parse_shard(options.shard));
        MEMRIG_TRY(const Submission submission, read_submission(options.publish));
        MEMRIG_TRY(const ShardSeal opened, read_opening(options.publish));
        const ShardIdentity identity{shard, work_hash(command.words, opened.files), build_identity()};
        MEMRIG_CHECK(check_submission(submission, identity.plan_hash, identity.memrig, shard.count));
        MEMRIG_TRY(const bool has, has_result(options.publish, shard.number));
        if (has) {
            Terminal(stdout).print(fmt::format("shard {} has a result already\n", shard.text()));
            return kExitGood;
        }
        MEMRIG_TRY(TemporaryDirectory attempt, make_attempt(options.publish, shard.number));
        MEMRIG_CHECK(begin_with_opening(opening_of(options.publish), opened, attempt.path()));
        MEMRIG_TRY(const WorkTally tally, play_shard(command, shard, opened, attempt.path()));
        MEMRIG_CHECK(seal_work(attempt.path(), identity, tally));
        return publish_result(std::move(attempt), options.publish, shard.number);
    }();
    return done ? *done : report_error(done.error());
}

Status join_shared(const ClusterOptions& options, const SharedCommand& command, const fs::path& out) {
    MEMRIG_TRY(const Submission submission, read_submission(options.join));
    MEMRIG_TRY(const ShardSeal opened, read_opening(options.join));
    MEMRIG_CHECK(
        check_submission(submission, work_hash(command.words, opened.files), build_identity(), submission.shards));
    MEMRIG_TRY(const MergeReport report, merge_work(options.join, out));
    const Terminal terminal(stdout);
    for (const auto& note : report.notes) terminal.print("note: " + one_line(note) + "\n");
    terminal.print(fmt::format("{} of {} merged into {}\n", counted(report.trials, submission.unit),
                               counted(report.shards, "shard"), one_line(out.string())));
    return {};
}

std::optional<int> share(const ClusterOptions& options, const SharedCommand& command, bool& resume, Portion& portion) {
    if (options.publish.empty() != options.shard.empty())
        return report_error(
            {Fault::user_input, "--shard and --publish go together", "only tasks of a cluster have them"});
    if (!options.publish.empty()) return run_shared_shard(options, command);
    if (options.slurm) return submit_shared(options, command);
    if (!options.sbatch.empty())
        return report_error({Fault::user_input, one_line(options.sbatch.front()) + " is for sbatch", "add --slurm"});
    if (options.join.empty()) return std::nullopt;
    if (const Status joined = join_shared(options, command, command.out); !joined) return report_error(joined.error());
    resume = true;
    portion.kind = Portion::Kind::nothing;
    return std::nullopt;
}

}  // namespace memrig
