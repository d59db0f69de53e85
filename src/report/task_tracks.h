// Makes a track for each of the guest's tasks from a trial's record: the locks that it held and waited for, and its
// other events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/trial_record.h"

namespace memrig {

enum class SliceKind {
    lock,  // held
    wait,  // for a lock
    hold   // the probe held its vCPU still
};
const char* to_string(SliceKind kind);  // "lock", "wait", "hold"

// Each text is one line of bounded length.
struct TrackDetails {
    std::string text;                   // the timeline's text; empty for a lock's slices and instants
    std::string lock, instance, where;  // for those: the lock's name ("... for reading"), address and place
    std::vector<std::string> path;      // the call path of a lock's event, the innermost function first; may be empty
    std::optional<unsigned> vcpu;
};

// Times are milliseconds from the trial's origin.
struct TaskSlice {
    double from = 0;
    std::optional<double> to;  // empty: it is open to the record's end
    std::string name;          // "mem_hotplug_lock for reading", "waits for mem_hotplug_lock", "held still at ..."
    SliceKind kind = SliceKind::lock;
    TrackDetails details;
    std::string mark = {};  // a remark about an odd end: "not released", "still waits", ...
};

struct TaskInstant {
    double at = 0;
    std::string name;
    std::string category;  // "lock", or the timeline's word for the event
    TrackDetails details;
    bool refused = false;  // a trylock that failed
};

struct TaskTrack {
    std::string label;   // "adder (kworker/u6:2, pid 43)", "task ffffc90000004000"
    bool actor = false;  // false for a task that the scenario does not name
    std::vector<TaskSlice> slices;
    std::vector<TaskInstant> instants;
};

// The lock's name, without "for reading".
std::string plain_lock(const TrackDetails& details);
// Returns true if the holder of `held` keeps another task from `wanted` at some time from `from` to `to`: it is the
// same lock, and not both are for reading.
bool hinders(const TaskSlice& held, const TrackDetails& wanted, double from, double to);

// Makes the tracks. Actors come first; each group is in the order of its first events.
std::vector<TaskTrack> task_tracks(const TrialRecord& record);

// Returns the tracks of the actors, and of the tasks that held a lock that an actor waited for or was refused: at most
// `most`, in their order. Without any actor, returns all tracks up to `most`. `last` is last_moment() of the record.
std::vector<const TaskTrack*> tracks_that_matter(const std::vector<TaskTrack>& tracks, double last, std::size_t most);

// The time of the record's last event, in milliseconds.
double last_moment(const TrialRecord& record);

// Makes a name for tracks and drawings: one line of at most 160 columns, never empty.
std::string track_name(std::string_view text);

}  // namespace memrig
