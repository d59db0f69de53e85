// Talks to Slurm through its own commands: sbatch, squeue, scontrol, scancel. Nothing here needs a library of Slurm, or
// its accounting.
//
// Slurm knows what it has started, and not what came of it: with a plugin missing, a job that never ran is COMPLETED.
// So no function here says that a shard is done; only its result does (campaign/submission.h).
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace memrig {

// What Slurm says of one task of an array job.
struct SlurmTask {
    std::string job;     // the array job's id
    unsigned shard = 0;  // the task's number in the array
    std::string state;   // "PENDING", "RUNNING", "COMPLETED", "FAILED", "NODE_FAIL" and many more
    std::string node;    // empty before the task was first started
    // From scontrol; empty or 0 if it did not say.
    std::string reason = {};
    int exit_code = 0, exit_signal = 0;
    unsigned restarts = 0;

    // Slurm will start the task, or runs it.
    [[nodiscard]] bool is_pending() const;
    [[nodiscard]] bool is_running() const;
    // "FAILED, exit status 3", "NODE_FAIL", "TIMEOUT": how it ended.
    [[nodiscard]] std::string end_text() const;
};

// The format that squeue prints for parse_squeue().
inline constexpr const char* kSqueueFormat = "%F|%K|%T|%N";

// Reads the output of `squeue -h -r -o FORMAT`. Fault::rig for a line of another form. Pure.
Result<std::vector<SlurmTask>> parse_squeue(std::string_view text);
// Adds what `scontrol -o show job` says to the tasks of the same job and number. Lines of another form are left out,
// since newer versions of Slurm add fields. Pure.
void add_scontrol(std::string_view text, std::vector<SlurmTask>& tasks);

// Options of an array job.
struct SlurmJob {
    std::string name;                  // identifies the campaign; unique
    std::filesystem::path script;      // a file
    std::vector<unsigned> shards;      // numbers of the array's tasks, ascending
    std::vector<std::string> options;  // the user's own, for sbatch
};
// "1-3,7" for 1, 2, 3, 7. Pure.
std::string array_text(const std::vector<unsigned>& shards);

// The functions below run Slurm's commands. Fault::host if they are not there, or if no controller answers.

// Submits the job, and returns its id. Fault::user_input, with Slurm's words, if the cluster refuses it.
Result<std::string> submit_to_slurm(const SlurmJob& job);
// Returns all tasks that Slurm still knows of the user's jobs with this name. Slurm forgets a job some minutes after
// its end (MinJobAge).
Result<std::vector<SlurmTask>> slurm_tasks(const std::string& name);
// Cancels the user's jobs with this name.
Status cancel_in_slurm(const std::string& name);

}  // namespace memrig
