#include "campaign/submission.h"

#include <algorithm>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/shell.h"
#include "base/text.h"
#include "campaign/copy_tree.h"
#include "kernel/catalogue.h"

namespace memrig {

namespace {

constexpr const char* kRecord = "submission.json";
constexpr std::uint64_t kLargestRecord = 1 << 20;  // bytes
constexpr unsigned kTrialsAShard = 60;             // docs/scaling.md
constexpr unsigned kMostDefaultShards = 1000;      // MaxArraySize is 1001, unless a cluster sets another
// Memory for one trial: a guest, what is plugged into it, and QEMU itself.
constexpr unsigned kTrialMib = 1024, kCoordinatorMib = 256;

fs::path shard_folder(const fs::path& directory, unsigned shard) {
    return directory / "shards" / fmt::format("{}", shard);
}

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

Status write_submission(const fs::path& directory, const Submission& submission) {
    nlohmann::ordered_json json = {{"schema", 1},
                                   {"name", submission.name},
                                   {"job_name", submission.job_name},
                                   {"plan_hash", submission.plan_hash},
                                   {"memrig", submission.memrig},
                                   {"shards", submission.shards},
                                   {"trials", submission.trials},
                                   {"jobs", submission.jobs}};
    if (!submission.is_campaign()) {
        json["unit"] = submission.unit;
        json["command"] = submission.command;
        json["working_directory"] = submission.working_directory.string();
    }
    return write_file(directory / kRecord, json_document(json));
}

// The path is in a line of the batch script, where Slurm replaces %a, and reads no quotes inside of quotes.
Status check_directory_name(const fs::path& directory) {
    const std::string text = directory.string();
    if (text.find_first_of("%\"\\\n") == std::string::npos) return {};
    return fail(Fault::user_input,
                "{}: Slurm cannot write below a directory with %, \\, \" or a line break in its name", one_line(text));
}

// The record of a directory that is to be submitted: the old one, or a new one.
Result<Submission> record_for(const SubmitSpec& spec, const fs::path& directory) {
    const Work& work = spec.work;
    if (is_submission(directory)) {
        MEMRIG_TRY(const Submission old, read_submission(directory));
        MEMRIG_CHECK(check_submission(old, work.hash, work.memrig, spec.shards == 0 ? old.shards : spec.shards));
        return old;
    }
    Submission fresh;
    fresh.name = work.name;
    fresh.shards = spec.shards == 0 ? default_shards(work.units) : spec.shards;
    fresh.trials = work.units;
    fresh.plan_hash = work.hash;
    fresh.memrig = work.memrig;
    fresh.unit = work.unit;
    if (fresh.shards > work.units)
        return fail(Fault::user_input, "there are {} shards, but the {} has only {}", fresh.shards,
                    work.is_plan ? "plan" : "work", counted(work.units, work.unit));
    if (!work.is_plan) {
        fresh.command = work.command;
        fresh.working_directory = fs::current_path();
    }
    const std::string unique = Hasher()
                                   .add(directory.string())
                                   .add(host_name())
                                   .add(fmt::format("{}", ::getpid()))
                                   .add(fmt::format("{}", std::chrono::system_clock::now().time_since_epoch().count()))
                                   .finish();
    fresh.job_name = fmt::format("memrig-{}-{}", fresh.name, unique.substr(0, 8));
    return fresh;
}

// Kernels are fetched or built once, before the tasks start, into the cache that they share.
Status prepare_kernels(const Work& work) {
    for (const auto& [kernel, modules] : work.kernels) MEMRIG_CHECK(resolve_kernel(kernel, modules));
    return {};
}

Status make_submitted_files(const SubmitSpec& spec, const fs::path& directory, const Submission& submission) {
    MEMRIG_CHECK(make_directories(directory / "logs"));
    for (unsigned number = 1; number <= submission.shards; number++)
        MEMRIG_CHECK(make_directories(shard_folder(directory, number)));
    for (const auto& [name, text] : spec.work.files) MEMRIG_CHECK(write_file(directory / name, text));
    return write_submission(directory, submission);
}

// Work that no cluster has accepted leaves nothing behind. `made`: the directory was not there before.
void remove_submitted_files(const fs::path& directory, bool made) {
    std::error_code ignored;
    for (const char* name : {kRecord, "plan.toml", "job.sh", "logs", "shards", "opening", "lock"})
        fs::remove_all(directory / name, ignored);
    if (made) fs::remove(directory, ignored);
}

// Returns whether a task of the shard is in Slurm's queue.
bool is_queued(const std::vector<SlurmTask>& tasks, unsigned shard) {
    return std::ranges::any_of(
        tasks, [&](const SlurmTask& task) { return task.shard == shard && (task.is_pending() || task.is_running()); });
}

void take_task(ShardStatus& status, const SlurmTask& task) {
    const ShardState said = task.is_running()   ? ShardState::running
                            : task.is_pending() ? ShardState::pending
                                                : ShardState::failed;
    // A shard may have been submitted again, so that several tasks are its own: the one that gets on counts.
    const auto rank = [](ShardState state) {
        return state == ShardState::running   ? 3
               : state == ShardState::pending ? 2
               : state == ShardState::failed  ? 1
                                              : 0;
    };
    if (rank(said) < rank(status.state)) return;
    status.state = said;
    status.node = task.node;
    status.restarts = task.restarts;
    if (said == ShardState::failed) status.why = task.end_text();
}

}  // namespace

const char* to_string(ShardState state) {
    switch (state) {
        case ShardState::done: return "done";
        case ShardState::running: return "running";
        case ShardState::pending: return "pending";
        case ShardState::failed: return "failed";
        case ShardState::absent: return "absent";
        case ShardState::damaged: return "damaged";
    }
    return "absent";
}

bool is_submission(const fs::path& directory) {
    std::error_code code;
    return fs::exists(directory / kRecord, code);
}

Result<Submission> read_submission(const fs::path& directory) {
    if (!is_submission(directory))
        return fail_with({Fault::user_input, directory.string() + " is not a submitted campaign", {}},
                         "memrig campaign submit PLAN --slurm --out DIR makes one");
    MEMRIG_TRY(const std::string text, read_file(directory / kRecord, kLargestRecord));
    const auto json = nlohmann::json::parse(text, nullptr, false);
    const auto word = [&](const char* key) {
        return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
    };
    const auto number = [&](const char* key) -> std::uint64_t {
        return json.is_object() && json.contains(key) && json[key].is_number_unsigned() ? json[key].get<std::uint64_t>()
                                                                                        : 0;
    };
    Submission one{word("name"), word("job_name"), word("plan_hash"), word("memrig"), 0, number("trials"), {}};
    if (one.name.empty() || one.job_name.empty() || one.plan_hash.empty() || one.memrig.empty() ||
        number("shards") == 0 || number("shards") > kMostShards)
        return fail(Fault::user_input, "{} is damaged", (directory / kRecord).string());
    one.shards = static_cast<unsigned>(number("shards"));
    const auto words = [&](const char* key) {
        std::vector<std::string> list;
        if (json.contains(key) && json[key].is_array())
            for (const auto& one_word : json[key])
                if (one_word.is_string()) list.push_back(one_word.get<std::string>());
        return list;
    };
    one.jobs = words("jobs");
    one.command = words("command");
    one.working_directory = word("working_directory");
    if (!one.is_campaign()) one.unit = word("unit");
    return one;
}

Status check_submission(const Submission& submission, const std::string& hash, const std::string& memrig,
                        unsigned shards) {
    const auto refuse = [](std::string message, const char* remedy) {
        return fail_with({Fault::user_input, std::move(message), {}}, remedy);
    };
    if (submission.plan_hash != hash)
        return refuse(submission.is_campaign() ? "the plan, or one of its scenarios, has changed since it was submitted"
                                               : "the command, or a scenario, has changed since it was submitted",
                      "submit it with another --out, or take the change back");
    if (submission.memrig != memrig)
        return refuse(
            fmt::format("memrig {} submitted this campaign, and this is memrig {}", submission.memrig, memrig),
            "submit it with another --out, or use that memrig");
    if (submission.shards != shards)
        return refuse(fmt::format("this campaign was submitted as {}, and not as {}",
                                  counted(submission.shards, "shard"), shards),
                      "submit it with another --out");
    return {};
}

unsigned default_shards(std::uint64_t trials) {
    const std::uint64_t shards = (trials + kTrialsAShard - 1) / kTrialsAShard;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(shards, 1, kMostDefaultShards));
}

std::string batch_script(const SubmitSpec& spec, unsigned shards) {
    const std::string directory = spec.directory.string();
    std::string text = "#!/bin/sh\n# Written by memrig. Each task of this array job runs one shard.\n";
    const auto option = [&](const std::string& line) { text += "#SBATCH " + line + "\n"; };
    option("--requeue");
    option("--open-mode=append");
    option(fmt::format("--output=\"{}/logs/%a.log\"", directory));
    option(fmt::format("--chdir=\"{}\"", fs::current_path().string()));
    option("--nodes=1");
    option("--ntasks=1");
    option(fmt::format("--cpus-per-task={}", spec.jobs));
    option(fmt::format("--mem={}M", spec.jobs * kTrialMib + kCoordinatorMib));
    if (!spec.partition.empty()) option("--partition=" + spec.partition);
    if (!spec.cache.empty()) text += "export MEMRIG_CACHE=" + shell_word(spec.cache.string()) + "\n";
    // exec: a signal of Slurm's reaches memrig itself.
    text += "exec " + shell_word(spec.program.string());
    for (const auto& word : spec.work.command) text += " " + shell_word(word);
    text += fmt::format(" --shard \"$SLURM_ARRAY_TASK_ID/{}\" --publish {}\n", shards, shell_word(directory));
    return text;
}

fs::path opening_of(const fs::path& directory) { return directory / "opening"; }

Status check_submit_directory(const fs::path& directory) {
    MEMRIG_CHECK(check_directory_name(directory));
    std::error_code code;
    if (!fs::exists(directory, code) || is_submission(directory) || fs::is_empty(directory, code)) return {};
    // An opening that was played, and not submitted yet.
    for (const auto& entry : fs::directory_iterator(directory, code))
        if (entry.path() != opening_of(directory))
            return fail_with({Fault::user_input, directory.string() + " holds something else", {}}, "give a new --out");
    return {};
}

Result<SubmitReport> submit_work(const SubmitSpec& spec) {
    const fs::path& directory = spec.directory;
    MEMRIG_ASSERT(directory.is_absolute(), "the tasks may run in another directory");
    MEMRIG_CHECK(check_submit_directory(directory));
    std::error_code code;
    const bool made = !fs::exists(directory, code);
    MEMRIG_TRY(Submission submission, record_for(spec, directory));
    MEMRIG_TRY(const auto before, slurm_tasks(submission.job_name));  // also finds out whether Slurm answers
    if (spec.prepare) MEMRIG_CHECK(prepare_kernels(spec.work));
    MEMRIG_CHECK(make_directories(directory));
    MEMRIG_TRY(const auto alone, FileLock::try_take(directory / "lock"));
    if (!alone) return fail(Fault::host, "{} is being submitted by another memrig", directory.string());
    MEMRIG_CHECK(make_submitted_files(spec, directory, submission));

    SubmitReport report;
    for (unsigned number = 1; number <= submission.shards; number++) {
        const fs::path result = shard_folder(directory, number) / "result";
        const bool was_there = fs::exists(result, code);
        MEMRIG_TRY(const bool good, has_result(directory, number));
        report.done += good;
        report.damaged += was_there && !good;
        if (good) continue;
        if (is_queued(before, number)) report.queued++;
        else report.shards.push_back(number);
    }
    if (report.shards.empty()) return report;
    const SlurmJob job{submission.job_name, directory / "job.sh", report.shards, spec.options};
    MEMRIG_CHECK(write_file(job.script, batch_script(spec, submission.shards)));
    auto id = submit_to_slurm(job);
    if (!id) {
        if (submission.jobs.empty() && before.empty() && report.done == 0) remove_submitted_files(directory, made);
        return std::unexpected(id.error());
    }
    report.job = *id;
    submission.jobs.push_back(*id);
    MEMRIG_CHECK(write_submission(directory, submission));
    return report;
}

std::vector<ShardStatus> shard_states(const fs::path& directory, const Submission& submission,
                                      const std::vector<SlurmTask>& tasks, bool thorough) {
    std::vector<ShardStatus> all(submission.shards);
    for (unsigned i = 0; i < submission.shards; i++) all[i].number = i + 1;
    for (const SlurmTask& task : tasks)
        if (task.shard >= 1 && task.shard <= submission.shards) take_task(all[task.shard - 1], task);
    for (ShardStatus& one : all) {
        const fs::path result = shard_folder(directory, one.number) / "result";
        std::error_code code;
        if (!fs::exists(result, code)) continue;
        const auto seal = read_seal(result);
        Status whole = seal ? Status() : std::unexpected(seal.error());
        if (whole && thorough)
            if (const auto shard = check_finished_shard(result); !shard) whole = std::unexpected(shard.error());
        if (whole) {
            one.state = ShardState::done;
            one.why.clear();
            one.trials = seal->trials;
            one.as_expected = seal->as_expected;
        } else {
            one.state = ShardState::damaged;
            one.why = whole.error().message;
        }
    }
    return all;
}

Result<TemporaryDirectory> make_attempt(const fs::path& directory, unsigned shard) {
    const fs::path folder = shard_folder(directory, shard);
    MEMRIG_CHECK(make_directories(folder));
    return TemporaryDirectory::make("attempt-" + host_name(), folder);
}

Result<bool> publish(TemporaryDirectory attempt, const fs::path& directory, unsigned shard) {
    MEMRIG_ASSERT(has_seal(attempt.path()), "only a finished attempt is published");
    const fs::path result = shard_folder(directory, shard) / "result";
    std::error_code code;
    let_all_read(attempt.path());
    fs::rename(attempt.path(), result, code);
    if (!code) {
        attempt.release();
        return true;
    }
    // A directory that is not empty cannot be replaced: another attempt was first.
    if (code == std::errc::directory_not_empty || code == std::errc::file_exists) {
        attempt.release();
        return false;
    }
    return fail(Fault::host, "cannot publish the result as {}: {}", result.string(), code.message());
}

Result<bool> has_result(const fs::path& directory, unsigned shard) {
    const fs::path folder = shard_folder(directory, shard);
    std::error_code code;
    if (!fs::exists(folder / "result", code)) return false;
    if (check_finished_shard(folder / "result")) return true;
    MEMRIG_TRY(TemporaryDirectory aside, TemporaryDirectory::make("damaged", folder));
    fs::rename(folder / "result", aside.path(), code);
    if (code) return fail(Fault::host, "cannot set {} aside: {}", (folder / "result").string(), code.message());
    aside.release();
    return false;
}

}  // namespace memrig
