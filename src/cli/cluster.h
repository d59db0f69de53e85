// Shares the work of sweep, matrix and explore mode between the tasks of a cluster. A task is the same command with the
// hidden options --shard and --publish.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/stop_request.h"
#include "campaign/submission.h"
#include "cli/backend_option.h"
#include "cli/cluster_options.h"
#include "cli/console_observer.h"
#include "cli/output.h"

namespace memrig {

// A command whose work can be shared.
struct SharedCommand {
    std::string name;                // of the Slurm job: "sweep"
    std::string unit;                // "case"
    unsigned jobs = 1;               // trials at the same time in each task
    std::vector<std::string> words;  // words_for_task()
    std::filesystem::path out;       // of the submission
    // Plays a portion in a directory that exists, and goes on there with what an earlier call has left.
    std::function<Result<WorkTally>(const Portion& portion, const std::filesystem::path& out)> play;
};

// Plays the opening, unless it was played before, and submits the shards. Returns the exit status.
int submit_shared(const ClusterOptions& options, const SharedCommand& command);
// Runs the shard of a task and publishes its result. Returns the exit status: 0 if the shard has a result, whatever the
// verdicts.
int run_shared_shard(const ClusterOptions& options, const SharedCommand& command);
// Joins the shards of the submission --join into the new directory `out`, from which the command then makes its
// reports. Prints the notes.
Status join_shared(const ClusterOptions& options, const SharedCommand& command, const std::filesystem::path& out);
// Submits, runs a shard or joins shards if the options ask for it. Returns the exit status if the command has nothing
// more to do. Nothing: the command goes on. After a join, it goes on with `resume` set and a `portion` that plays
// nothing.
std::optional<int> share(const ClusterOptions& options, const SharedCommand& command, bool& resume, Portion& portion);

// Plays a portion of a sweep or a hunt in `out`, and goes on there with what an earlier call has left. `tally_of`
// counts what it came to.
template <class Spec, class Done>
Result<WorkTally> play_cases(Spec spec, const std::string& backend, const Portion& portion,
                             const std::filesystem::path& out,
                             Result<Done> (*run)(const Spec&, const std::vector<Host*>&, RunObserver&),
                             const std::function<WorkTally(const Done&)>& tally_of) {
    spec.resume = true;
    spec.run.portion = portion;
    spec.run.out = out;
    const Terminal terminal(stdout);
    MEMRIG_TRY(const auto hosts, connect_hosts(backend));
    ConsoleObserver observer(terminal, spec.run);
    MEMRIG_TRY(const Done done, run(spec, hosts.all(), observer));
    if (done.interrupted) return std::unexpected(stop_request().error());
    return tally_of(done);
}

// Returns the submission of `options`, without the work.
Result<SubmitSpec> submit_spec(const ClusterOptions& options, const std::filesystem::path& directory, unsigned jobs);
// Prints what was submitted. Returns the exit status.
int report_submission(const Result<SubmitReport>& report, const std::string& directory);
// Publishes a finished attempt and says so. Returns the exit status.
int publish_result(TemporaryDirectory attempt, const std::string& directory, unsigned shard);

}  // namespace memrig
