// The story of one trial for a reader: its events on one time axis, the grounds of its verdict, what would make the
// verdict wrong, and how to play the trial again. `memrig explain` prints it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/wait_graph.h"
#include "run/trial_json.h"
#include "watch/armament.h"

namespace memrig {

// The state of a task's lane behind an event. The numbers are indices into Story::locks.
struct LaneState {
    std::vector<std::size_t> held;       // in the order of Story::locks
    std::optional<std::size_t> waits;    // the lock that the task waits for
    std::optional<std::size_t> refused;  // the lock that this very event refuses it
    bool held_still = false;             // the probe holds its vCPU
};

enum class RowKind { step, task, qmp, console, report };
const char* to_string(RowKind kind);  // "step", "task", "qmp", "console", "report" (of the kernel, on the console)

struct StoryRow {
    double ms = 0;  // from the trial's origin
    RowKind kind = RowKind::task;
    std::string task;                 // the short name of the task whose event it is, else empty
    std::string text;                 // one line
    bool grave = false;               // a crash, a refusal, a wait without an end, or a report of the kernel
    std::vector<std::string> path;    // the call path, the innermost function first; only where it matters
    std::vector<LaneState> lanes;     // one for each of Story::tasks
    std::size_t left_out_before = 0;  // events between the row before and this one that are not shown
};

struct StoryTask {
    std::string name, label;  // "adder", and "adder (kworker/u6:2, pid 43)"
};

struct Story {
    TrialRecipe recipe;
    TrialResult result;
    std::string purpose;            // the arm's own words; empty if the scenario's text does not have them
    std::vector<Verdict> expected;  // of the arm; empty in that case, too
    std::vector<StoryTask> tasks;
    std::size_t other_tasks = 0;  // tasks that are no actors and were in nobody's way: they have no lane
    std::vector<std::string> locks;
    std::vector<StoryRow> rows;
    WaitGraph graph;
    std::vector<std::string> doubts;  // what would make the verdict wrong, a sentence each
    std::vector<std::string> again;   // commands that play the trial again or look at it further
};

// Reads the evidence of a trial. `shown` is the path that the commands name: `directory`, or the bundle that it was
// unpacked from. Fails with Fault::user_input if the directory is not a trial's, or if a file in it is damaged.
Result<Story> read_story(const std::filesystem::path& directory, const std::filesystem::path& shown);

// Makes the rows, the tasks and the locks from a record. `findings` have the call path of a crash. At most 160 rows are
// kept: those that matter, and the latest.
void tell_events(Story& story, const TrialRecord& record, const std::vector<TaskTrack>& tracks);
// The sentences of Story::doubts. `armament` is null if the trial left none.
std::vector<std::string> doubts_about(const Story& story, const TrialRecord& record, const Armament* armament);

}  // namespace memrig
