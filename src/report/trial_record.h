// Reads the record that a trial left in its directory: timeline.json, locks.json, lockgraph.json,
// console.log and qmp.jsonl.
//
// Much of it came from a guest, and a file may be damaged or forged, so everything is checked and bounded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "watch/lock_edges.h"
#include "watch/lock_event.h"

namespace memrig {

// All times are milliseconds from the trial's origin, never negative.
struct RecordedEvent {
    double ms = 0;
    std::string actor, what, text;
    std::optional<unsigned> vcpu;
};

struct RecordedLock {
    double ms = 0;
    std::uint64_t task = 0;  // the base of its kernel stack
    unsigned vcpu = 0;
    LockAction action = LockAction::wants;
    bool shared = false;
    std::string lock, instance, where;
    std::vector<std::string> path;  // the innermost function first; empty if it is unknown
};

// The known facts about a task besides its stack; each may be missing.
struct RecordedTask {
    std::string actor, comm;
    std::optional<std::int64_t> pid;
};

struct RecordedLine {
    double ms = 0;
    std::string text;
};

enum class QmpKind { command, event, error, answer };
struct RecordedQmp {
    double ms = 0;
    QmpKind kind = QmpKind::answer;
    std::string name;  // the name of the command or event, or the description of an error
    std::string line;  // the line of the file
};

struct TrialRecord {
    std::vector<RecordedEvent> happenings;
    bool has_locks = false;  // locks.json exists
    std::vector<RecordedLock> locks;
    std::vector<std::string> gaps;  // the parts of the guest that the ledger could not watch
    std::map<std::uint64_t, RecordedTask> tasks;
    std::vector<RecordedLine> console;
    std::vector<RecordedQmp> qmp;
    std::vector<LockEdge> orders;          // of all locks; LockEdge::task is an index into order_tasks
    std::vector<std::string> order_tasks;  // what the tasks are called
};

// Reads the base of a kernel stack: "0xffffc90000004000" or "ffffc90000004000". Empty if the text is not such a number.
std::optional<std::uint64_t> stack_of(std::string_view text);

// Returns true if the directory holds at least one of these files. Symbolic links do not count.
bool is_trial_directory(const std::filesystem::path& directory);

// A missing file leaves its part empty. A file that cannot be understood is Fault::user_input; the message begins with
// the file's path.
Result<TrialRecord> read_trial_record(const std::filesystem::path& directory);

}  // namespace memrig
