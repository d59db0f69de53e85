// What each of the guest's tasks did over time, from a trial's record: the locks that it held and waited for, and what else was seen of it.
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
    hold   // its vCPU is held still by the probe
};
const char* to_string(SliceKind kind);  // "lock", "wait", "hold"

// All text is one line, and bounded.
struct TrackDetails {
    std::string text;                   // what the timeline says; of a lock's slices and instants empty
    std::string lock, instance, where;  // of those: the lock's name ("... for reading"), address and place
    std::optional<unsigned> vcpu;
};

// Times are milliseconds from the trial's origin.
struct TaskSlice {
    double from = 0;
    std::optional<double> to;  // open: to the record's end
    std::string name;          // "mem_hotplug_lock for reading", "waits for mem_hotplug_lock", "held still at ..."
    SliceKind kind = SliceKind::lock;
    TrackDetails details;
    std::string mark = {};  // what is odd about its end: "not released", "still waits", ...
};

struct TaskInstant {
    double at = 0;
    std::string name;
    std::string category;  // "lock", or what the timeline calls it
    TrackDetails details;
    bool refused = false;  // a trylock that failed
};

struct TaskTrack {
    std::string label;   // "adder (kworker/u6:2, pid 43)", "task ffffc90000004000"
    bool actor = false;  // else a task that the scenario does not speak of
    std::vector<TaskSlice> slices;
    std::vector<TaskInstant> instants;
};

// The lock's name, without "for reading".
std::string plain_lock(const TrackDetails& details);
// Whether who holds `held` keeps another from `wanted` at some time from `from` to `to`: the same lock, and not both for reading.
bool hinders(const TaskSlice& held, const TrackDetails& wanted, double from, double to);

// Actors first, each group in the order in which it was seen.
std::vector<TaskTrack> task_tracks(const TrialRecord& record);

// The last moment of which the record tells.
double last_moment(const TrialRecord& record);

// One line of at most this many columns, never empty: what things are called in tracks and drawings.
std::string track_name(std::string_view text);

}  // namespace memrig
