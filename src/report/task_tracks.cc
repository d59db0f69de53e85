#include "report/task_tracks.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace memrig {

namespace {

constexpr std::size_t kNameColumns = 160;
constexpr std::size_t kTextColumns = 4096;
// More locks than a task can hold at once (lockdep's MAX_LOCK_DEPTH is 48). If there are more, the release of the
// oldest was missed.
constexpr std::size_t kMostHeld = 64;

constexpr std::string_view kReading = " for reading";

// Rounds as Timeline::json() does.
long long stamp(double ms) { return std::llround(ms * 1e3); }

std::string lock_text(const RecordedLock& event) { return event.lock + (event.shared ? std::string(kReading) : ""); }

// The timeline's words for a lock event (Director::at_lock).
std::string timeline_text(const RecordedLock& event) {
    return fmt::format("{} {} ({})", to_string(event.action), lock_text(event), event.where);
}

// Collects the tasks and their events.
class Guest {
public:
    explicit Guest(const TrialRecord& record) : tasks_(record.tasks) {
        name_tasks(record);
        for (const auto& happening : record.happenings)
            if (happening.actor != "rig" && !(happening.what == "lock" && record.has_locks)) add(happening);
            else if (happening.what == "step") add_step(happening);
        std::map<std::uint64_t, Task> states;
        for (const auto& event : record.locks) add(event, states[event.task]);
        for (const auto& [stack, state] : states) close(stack, state);
        for (auto& [actor, slice] : held_still_) track_of_actor(actor).slices.push_back(std::move(slice));
    }

    // Actors come first; each group is in the order of its first events.
    [[nodiscard]] std::vector<TaskTrack> tracks() && {
        std::ranges::stable_partition(tracks_, [](const TaskTrack& track) { return track.actor; });
        return std::move(tracks_);
    }

private:
    struct Task {
        std::vector<std::pair<RecordedLock, TaskSlice>> held;  // oldest first
        std::optional<std::pair<RecordedLock, TaskSlice>> waits;
    };

    // Finds out which task is which actor, from locks.json, or else from the timeline's words for the same lock event.
    void name_tasks(const TrialRecord& record) {
        std::map<std::pair<long long, std::string>, std::string> told;
        for (const auto& happening : record.happenings)
            if (happening.what == "lock" && !happening.actor.starts_with("task "))
                told.try_emplace({stamp(happening.ms), happening.text}, happening.actor);
        for (const auto& event : record.locks) {
            std::string& actor = tasks_[event.task].actor;
            if (!actor.empty()) continue;
            const auto found = told.find({stamp(event.ms), timeline_text(event)});
            if (found != told.end()) actor = found->second;
        }
        for (const auto& [stack, task] : tasks_)
            if (!task.actor.empty()) stacks_.try_emplace(task.actor, stack);
    }

    [[nodiscard]] std::string label(std::uint64_t stack) const {
        const auto known = tasks_.find(stack);
        const RecordedTask task = known == tasks_.end() ? RecordedTask() : known->second;
        std::string more = task.comm;
        if (task.pid) more += fmt::format("{}pid {}", more.empty() ? "" : ", ", *task.pid);
        const std::string name = task.actor.empty() ? fmt::format("task {:x}", stack) : task.actor;
        return track_name(more.empty() ? name : fmt::format("{} ({})", name, more));
    }

    TaskTrack& track_at(const std::string& key, const std::string& label, bool actor) {
        const auto [found, is_new] = index_.try_emplace(key, tracks_.size());
        if (is_new) tracks_.push_back({label, actor, {}, {}});
        return tracks_[found->second];
    }
    TaskTrack& track_of_task(std::uint64_t stack) {
        const auto known = tasks_.find(stack);
        const bool actor = known != tasks_.end() && !known->second.actor.empty();
        return track_at(actor ? known->second.actor : fmt::format("task {:x}", stack), label(stack), actor);
    }
    // `actor` is "adder", "task ffffc90000004000", or "" if the kernel crashed outside of every actor.
    TaskTrack& track_of_actor(const std::string& actor) {
        if (actor.starts_with("task "))
            if (const auto stack = stack_of(std::string_view(actor).substr(5))) return track_of_task(*stack);
        const auto known = stacks_.find(actor);
        if (known != stacks_.end()) return track_of_task(known->second);
        return track_at(actor, actor.empty() ? "no actor" : track_name(actor), !actor.empty());
    }

    void add(const RecordedEvent& happening) {
        TrackDetails details{cut(one_line(happening.text), kTextColumns), {}, {}, {}, {}, happening.vcpu};
        track_of_actor(happening.actor)
            .instants.push_back({happening.ms, track_name(happening.what + ": " + happening.text),
                                 track_name(happening.what), details, false});
        if (happening.what != "held") return;
        let_go(happening.actor, happening.ms);
        held_still_[happening.actor] = {
            happening.ms, {}, track_name("held still at " + happening.text), SliceKind::hold, std::move(details)};
    }
    // A step's text is "release ACTOR" (Step::text).
    void add_step(const RecordedEvent& step) {
        constexpr std::string_view release = "release ";
        if (step.text.starts_with(release)) let_go(step.text.substr(release.size()), step.ms);
    }
    void let_go(const std::string& actor, double ms) {
        auto slice = held_still_.extract(actor);
        if (slice.empty()) return;
        slice.mapped().to = ms;
        track_of_actor(actor).slices.push_back(std::move(slice.mapped()));
    }

    // --- locks

    static TaskSlice slice_from(const RecordedLock& event, const std::string& name, SliceKind kind) {
        return {event.ms,
                {},
                track_name(name),
                kind,
                {{},
                 track_name(lock_text(event)),
                 track_name(event.instance),
                 track_name(event.where),
                 event.path,
                 event.vcpu}};
    }
    void end(std::uint64_t stack, TaskSlice slice, double ms, const char* mark = "") {
        slice.to = ms;
        slice.mark = mark;
        track_of_task(stack).slices.push_back(std::move(slice));
    }

    void add(const RecordedLock& event, Task& task) {
        const auto same = [&](const auto& other) {
            return other.first.lock == event.lock && other.first.instance == event.instance;
        };
        if (event.action == LockAction::releases) {
            const auto last = std::ranges::find_if(task.held.rbegin(), task.held.rend(), same);
            if (last == task.held.rend()) return told(event);
            end(event.task, std::move(last->second), event.ms);
            task.held.erase(std::next(last).base());
            return;
        }
        // A task waits for one lock at a time, so any later event of the task ends the wait.
        if (task.waits) {
            const bool answered = event.action != LockAction::wants && same(*task.waits);
            end(event.task, std::move(task.waits->second), event.ms, answered ? "" : "its end was not seen");
            task.waits.reset();
        }
        if (event.action == LockAction::refused) return told(event);
        if (event.action == LockAction::wants) {
            task.waits = {event, slice_from(event, "waits for " + lock_text(event), SliceKind::wait)};
            return;
        }
        const auto again = std::ranges::find_if(task.held, same);
        const auto lost = again != task.held.end() && !event.shared ? again
                          : task.held.size() >= kMostHeld           ? task.held.begin()
                                                                    : task.held.end();
        if (lost != task.held.end()) {
            end(event.task, std::move(lost->second), event.ms, "its release was not seen");
            task.held.erase(lost);
        }
        task.held.emplace_back(event, slice_from(event, lock_text(event), SliceKind::lock));
    }
    // Adds an event that neither begins nor ends a slice.
    void told(const RecordedLock& event) {
        TaskSlice slice =
            slice_from(event, fmt::format("{} {}", to_string(event.action), lock_text(event)), SliceKind::lock);
        track_of_task(event.task)
            .instants.push_back({slice.from, std::move(slice.name), "lock", std::move(slice.details),
                                 event.action == LockAction::refused});
    }
    void close(std::uint64_t stack, const Task& task) {
        TaskTrack& track = track_of_task(stack);
        for (const auto& [event, slice] : task.held) {
            track.slices.push_back(slice);
            track.slices.back().mark = "not released";
        }
        if (!task.waits) return;
        track.slices.push_back(task.waits->second);
        track.slices.back().mark = "still waits";
    }

    std::map<std::uint64_t, RecordedTask> tasks_;
    std::map<std::string, std::uint64_t> stacks_;  // by actor
    std::map<std::string, std::size_t> index_;     // into tracks_
    std::map<std::string, TaskSlice> held_still_;  // by actor
    std::vector<TaskTrack> tracks_;
};

// Returns true if the task held a lock that an actor waited for or was refused.
bool hindered_an_actor(const TaskTrack& task, const std::vector<TaskTrack>& tracks, double last) {
    const auto held = [&](const TrackDetails& wanted, double from, double to) {
        return std::ranges::any_of(task.slices,
                                   [&](const TaskSlice& slice) { return hinders(slice, wanted, from, to); });
    };
    return std::ranges::any_of(tracks, [&](const TaskTrack& track) {
        if (!track.actor) return false;
        return std::ranges::any_of(track.slices,
                                   [&](const TaskSlice& slice) {
                                       return slice.kind == SliceKind::wait &&
                                              held(slice.details, slice.from, slice.to.value_or(last));
                                   }) ||
               std::ranges::any_of(track.instants, [&](const TaskInstant& instant) {
                   return instant.refused && held(instant.details, instant.at, instant.at);
               });
    });
}

}  // namespace

const char* to_string(SliceKind kind) {
    switch (kind) {
        case SliceKind::lock: return "lock";
        case SliceKind::wait: return "wait";
        case SliceKind::hold: return "hold";
    }
    return "?";
}

std::string plain_lock(const TrackDetails& details) {
    std::string name = details.lock;
    if (name.ends_with(kReading)) name.resize(name.size() - kReading.size());
    return name;
}

bool hinders(const TaskSlice& held, const TrackDetails& wanted, double from, double to) {
    const bool both_read = held.details.lock.ends_with(kReading) && wanted.lock.ends_with(kReading);
    return held.kind == SliceKind::lock && held.details.instance == wanted.instance && !both_read &&
           plain_lock(held.details) == plain_lock(wanted) && held.from <= to && (!held.to || *held.to > from);
}

std::vector<TaskTrack> task_tracks(const TrialRecord& record) { return Guest(record).tracks(); }

std::vector<const TaskTrack*> tracks_that_matter(const std::vector<TaskTrack>& tracks, double last, std::size_t most) {
    const bool actors = std::ranges::any_of(tracks, &TaskTrack::actor);
    std::vector<const TaskTrack*> chosen;
    for (const auto& track : tracks) {
        if (chosen.size() == most) break;
        if (track.actor || !actors || hindered_an_actor(track, tracks, last)) chosen.push_back(&track);
    }
    return chosen;
}

double last_moment(const TrialRecord& record) {
    double last = 0;
    for (const auto& happening : record.happenings) last = std::max(last, happening.ms);
    for (const auto& event : record.locks) last = std::max(last, event.ms);
    for (const auto& line : record.console) last = std::max(last, line.ms);
    for (const auto& message : record.qmp) last = std::max(last, message.ms);
    return last;
}

std::string track_name(std::string_view text) {
    std::string name = cut(one_line(text), kNameColumns);
    return name.empty() ? "(empty)" : name;
}

}  // namespace memrig
