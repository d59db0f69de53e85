// Work whose shards run as tasks of a cluster: its directory, which the nodes share, and what became of each shard. The
// work is a campaign's plan, a sweep, a matrix or an exploration (campaign/work.h).
//
//     DIR/submission.json          what was submitted
//     DIR/job.sh                   the batch script
//     DIR/plan.toml                a campaign's plan
//     DIR/opening                  of other work: what was played before, and what each shard begins with
//     DIR/logs/K.log               the output of all attempts of shard K
//     DIR/shards/K/attempt-*       an attempt of shard K, under way or left behind
//     DIR/shards/K/result          the result of shard K: an attempt that was renamed when it was finished
//
// A node that was thought dead may go on with its attempt beside a new one. Each attempt has a directory and a database
// of its own. The first that is finished becomes the result; rename(2) lets only one of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "campaign/shard_result.h"
#include "campaign/slurm.h"
#include "campaign/work.h"

namespace memrig {

// The content of submission.json.
struct Submission {
    std::string name;       // the plan's
    std::string job_name;   // the name of its jobs in Slurm; unique
    std::string plan_hash;  // Work::hash
    std::string memrig;     // the memrig that submitted it: its version and the hash of its sources
    unsigned shards = 1;
    std::uint64_t trials = 0;       // of the whole plan; of other work, its units
    std::vector<std::string> jobs;  // ids of the array jobs
    std::string unit = "trial";
    // The words of the command behind "memrig", and the directory in which they hold. Empty for a campaign.
    std::vector<std::string> command = {};
    std::filesystem::path working_directory = {};
    [[nodiscard]] bool is_campaign() const { return command.empty(); }
};
[[nodiscard]] bool is_submission(const std::filesystem::path& directory);
// Fault::user_input if the directory has no submission, or a damaged one.
Result<Submission> read_submission(const std::filesystem::path& directory);
// Fails with Fault::user_input, and says what differs, if a memrig would run other units than were submitted. `hash` is
// that of its work, `memrig` its version and the hash of its sources.
Status check_submission(const Submission& submission, const std::string& hash, const std::string& memrig,
                        unsigned shards);

struct SubmitSpec {
    Work work;
    std::filesystem::path directory;  // shared by all nodes; absolute
    unsigned shards = 0;              // 0: as many as before, else default_shards()
    unsigned jobs = 1;                // trials at the same time in each task
    std::string partition;            // empty: the cluster's default
    std::filesystem::path cache;      // MEMRIG_CACHE of the tasks
    bool prepare = true;  // fetches or builds the work's kernels first, into this host's cache, which the tasks share
    std::filesystem::path program;     // memrig, as the nodes find it
    std::vector<std::string> options;  // for sbatch, after those of the script
};
// Returns a number of shards by which a shard lasts some minutes (docs/scaling.md).
unsigned default_shards(std::uint64_t trials);
// Fails if the directory cannot be one of a submission: by its name, or as it holds something else. REQUIRES:
// `directory` is absolute.
Status check_submit_directory(const std::filesystem::path& directory);
// Returns the batch script. Pure but for the current directory, which the tasks get.
std::string batch_script(const SubmitSpec& spec, unsigned shards);

struct SubmitReport {
    std::string job;               // its id; empty if there was nothing to submit
    std::vector<unsigned> shards;  // those that were submitted
    unsigned done = 0;             // shards that have a result
    unsigned queued = 0;           // shards that Slurm has already
    unsigned damaged = 0;          // results that were set aside, and are run again
};
// Submits the shards that have no result and are not in Slurm's queue, as one array job. If the cluster does not take
// the first job, nothing is left of the directory, not even an opening. Fault::user_input: the directory has other work
// or another number of shards, or the cluster refuses. Fault::host: no Slurm, no room.
Result<SubmitReport> submit_work(const SubmitSpec& spec);
// Returns the directory in which the opening of work is played.
std::filesystem::path opening_of(const std::filesystem::path& directory);

enum class ShardState {
    done,     // it has a result
    running,  // by Slurm's word
    pending,  // the same
    failed,   // Slurm says that its task has ended, but there is no result
    absent,   // Slurm knows no task of it, and there is no result
    damaged   // its result is not what the shard's run left
};
const char* to_string(ShardState state);
struct ShardStatus {
    unsigned number = 0;
    ShardState state = ShardState::absent;
    std::string node, why;  // why: of a failed or a damaged one
    unsigned restarts = 0;
    std::uint64_t trials = 0, as_expected = 0;  // of a done one
};
// Returns the status of each shard, by number. Reads each result's seal; with `thorough`, its database too, and so
// finds a damaged one. To be called with tasks that were asked for before: a task may end meanwhile.
std::vector<ShardStatus> shard_states(const std::filesystem::path& directory, const Submission& submission,
                                      const std::vector<SlurmTask>& tasks, bool thorough);

// Makes the directory of a new attempt, with a name that no other attempt has. Removed if it is not published.
Result<TemporaryDirectory> make_attempt(const std::filesystem::path& directory, unsigned shard);
// Makes a finished attempt the shard's result, atomically. Returns false if another attempt came first; then this one
// stays beside it, for memrig campaign merge to compare.
Result<bool> publish(TemporaryDirectory attempt, const std::filesystem::path& directory, unsigned shard);
// Returns whether the shard has a good result. A damaged one is renamed, so that the shard can be run again.
Result<bool> has_result(const std::filesystem::path& directory, unsigned shard);

}  // namespace memrig
