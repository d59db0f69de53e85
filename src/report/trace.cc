#include "report/trace.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "report/text.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kGuest = 1, kRig = 2;  // our "processes"
enum RigTrack : int { kSteps = 1, kQmp, kConsole };
constexpr std::size_t kNameColumns = 160;
constexpr std::size_t kTextBytes = 4096;
// More than a task can hold at once (lockdep's MAX_LOCK_DEPTH is 48): what is older lost its release.
constexpr std::size_t kMostHeld = 64;

double micros(double ms) { return std::round(ms * 1e3); }
// As Timeline::json() rounds.
long long stamp(double ms) { return std::llround(ms * 1e3); }

std::string name_of(std::string_view text) {
    std::string name = cut(one_line(text), kNameColumns);
    return name.empty() ? "(empty)" : name;
}

struct Slice {
    double from = 0;
    std::optional<double> to;  // open: to the trace's end
    std::string name, category;
    Json details;
    std::string mark = {};  // what is odd about its end
};

struct Instant {
    double at = 0;
    std::string name, category;
    Json details;
};

struct Track {
    std::string label;
    bool actor = false;
    std::vector<Slice> slices;
    std::vector<Instant> instants;
};

std::string lock_text(const RecordedLock& event) { return event.lock + (event.shared ? " for reading" : ""); }

// The timeline's words for a lock event (Director::at_lock).
std::string timeline_text(const RecordedLock& event) {
    return fmt::format("{} {} ({})", to_string(event.action), lock_text(event), event.where);
}

// The tasks and what they did.
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

    // Actors first, each group in the order in which it was seen.
    [[nodiscard]] std::vector<Track> tracks() && {
        std::ranges::stable_partition(tracks_, [](const Track& track) { return track.actor; });
        return std::move(tracks_);
    }

private:
    struct Task {
        std::vector<std::pair<RecordedLock, Slice>> held;  // oldest first
        std::optional<std::pair<RecordedLock, Slice>> waits;
    };

    // Which task is which actor: locks.json says it, else the timeline's words for the same lock event do.
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
        return name_of(more.empty() ? name : fmt::format("{} ({})", name, more));
    }

    Track& track_at(const std::string& key, const std::string& label, bool actor) {
        const auto [found, is_new] = index_.try_emplace(key, tracks_.size());
        if (is_new) tracks_.push_back({label, actor, {}, {}});
        return tracks_[found->second];
    }
    Track& track_of_task(std::uint64_t stack) {
        const auto known = tasks_.find(stack);
        const bool actor = known != tasks_.end() && !known->second.actor.empty();
        return track_at(actor ? known->second.actor : fmt::format("task {:x}", stack), label(stack), actor);
    }
    // "adder", "task ffffc90000004000", or "" where the kernel crashed outside of every actor.
    Track& track_of_actor(const std::string& actor) {
        if (actor.starts_with("task "))
            if (const auto stack = stack_of(std::string_view(actor).substr(5))) return track_of_task(*stack);
        const auto known = stacks_.find(actor);
        if (known != stacks_.end()) return track_of_task(known->second);
        return track_at(actor, actor.empty() ? "no actor" : name_of(actor), !actor.empty());
    }

    void add(const RecordedHappening& happening) {
        Json details = {{"text", cut(one_line(happening.text), kTextBytes)}};
        if (happening.vcpu) details["vcpu"] = *happening.vcpu;
        track_of_actor(happening.actor)
            .instants.push_back(
                {happening.ms, name_of(happening.what + ": " + happening.text), name_of(happening.what), details});
        if (happening.what != "held") return;
        let_go(happening.actor, happening.ms);
        held_still_[happening.actor] = {
            happening.ms, {}, name_of("held still at " + happening.text), "hold", std::move(details)};
    }
    // A step's text is "release ACTOR" (Step::text).
    void add_step(const RecordedHappening& step) {
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

    static Slice slice_from(const RecordedLock& event, const std::string& name, const char* category) {
        return {event.ms,
                {},
                name_of(name),
                category,
                {{"lock", name_of(lock_text(event))},
                 {"instance", name_of(event.instance)},
                 {"where", name_of(event.where)},
                 {"vcpu", event.vcpu}}};
    }
    void end(std::uint64_t stack, Slice slice, double ms, const char* mark = "") {
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
        // A task waits for one lock at a time: whatever it does next, the wait is over.
        if (task.waits) {
            const bool answered = event.action != LockAction::wants && same(*task.waits);
            end(event.task, std::move(task.waits->second), event.ms, answered ? "" : "its end was not seen");
            task.waits.reset();
        }
        if (event.action == LockAction::refused) return told(event);
        if (event.action == LockAction::wants) {
            task.waits = {event, slice_from(event, "waits for " + lock_text(event), "wait")};
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
        task.held.emplace_back(event, slice_from(event, lock_text(event), "lock"));
    }
    // An event that is no slice's begin or end.
    void told(const RecordedLock& event) {
        Slice slice = slice_from(event, fmt::format("{} {}", to_string(event.action), lock_text(event)), "lock");
        track_of_task(event.task)
            .instants.push_back({slice.from, std::move(slice.name), "lock", std::move(slice.details)});
    }
    void close(std::uint64_t stack, const Task& task) {
        Track& track = track_of_task(stack);
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
    std::map<std::string, Slice> held_still_;      // by actor
    std::vector<Track> tracks_;
};

class Writer {
public:
    explicit Writer(const TrialRecord& record) {
        for (const auto& happening : record.happenings) last_ = std::max(last_, happening.ms);
        for (const auto& event : record.locks) last_ = std::max(last_, event.ms);
        for (const auto& line : record.console) last_ = std::max(last_, line.ms);
        for (const auto& message : record.qmp) last_ = std::max(last_, message.ms);
    }

    void process(int pid, const char* name) {
        headers_.push_back(header("process_name", pid, 0, {{"name", name}}));
        headers_.push_back(header("process_sort_index", pid, 0, {{"sort_index", pid}}));
    }
    void thread(int pid, int tid, const std::string& name) {
        headers_.push_back(header("thread_name", pid, tid, {{"name", name}}));
        headers_.push_back(header("thread_sort_index", pid, tid, {{"sort_index", tid}}));
    }

    // Slices that overlap without one lying within the other cannot share a thread: it gets another one of its name.
    void guest_track(Track track) {
        for (auto& slice : track.slices)
            if (!slice.to) {
                slice.to = last_;
                if (slice.mark.empty()) slice.mark = "lasts to the end";
            }
        std::ranges::stable_sort(track.slices, [](const Slice& a, const Slice& b) {
            return a.from != b.from ? a.from < b.from : *a.to > *b.to;
        });
        const int first = next_tid_++;
        thread(kGuest, first, track.label);
        std::vector<std::vector<double>> lanes(1);  // of each thread, the ends of the slices that are open
        for (const auto& slice : track.slices) {
            std::size_t lane = 0;
            for (;; lane++) {
                if (lane == lanes.size()) {
                    lanes.emplace_back();
                    thread(kGuest, next_tid_++, fmt::format("{} #{}", track.label, lanes.size()));
                }
                auto& ends = lanes[lane];
                while (!ends.empty() && ends.back() <= slice.from) ends.pop_back();
                if (ends.empty() || *slice.to <= ends.back()) break;
            }
            lanes[lane].push_back(*slice.to);
            add(slice, first + static_cast<int>(lane));
        }
        for (const auto& instant : track.instants) add(instant, kGuest, first);
    }

    void add(const Instant& instant, int pid, int tid) {
        // A crash is drawn across all tracks.
        events_.push_back({{"name", instant.name},
                           {"cat", instant.category},
                           {"ph", "i"},
                           {"s", instant.category == "crash" ? "g" : "t"},
                           {"ts", micros(instant.at)},
                           {"pid", pid},
                           {"tid", tid},
                           {"args", instant.details}});
    }

    [[nodiscard]] std::string text() && {
        std::ranges::stable_sort(events_, [](const Json& a, const Json& b) {
            return a["ts"].get_ref<const double&>() < b["ts"].get_ref<const double&>();
        });
        std::string all = "{\"traceEvents\": [";
        const char* separator = "\n";
        for (const auto* list : {&headers_, &events_})
            for (const auto& event : *list) {
                all += separator + event.dump(-1, ' ', false, Json::error_handler_t::replace);
                separator = ",\n";
            }
        return all + "\n],\n\"displayTimeUnit\": \"ms\"}\n";
    }

private:
    static Json header(const char* name, int pid, int tid, Json details) {
        return {{"name", name}, {"ph", "M"}, {"ts", 0.0}, {"pid", pid}, {"tid", tid}, {"args", std::move(details)}};
    }
    void add(const Slice& slice, int tid) {
        Json event = {{"name", slice.name},
                      {"cat", slice.category},
                      {"ph", "X"},
                      {"ts", micros(slice.from)},
                      {"dur", micros(*slice.to) - micros(slice.from)},
                      {"pid", kGuest},
                      {"tid", tid},
                      {"args", slice.details}};
        if (!slice.mark.empty()) {
            event["name"] = slice.name + " (" + slice.mark + ")";
            event["cname"] = "terrible";  // chrome://tracing's red
            event["args"]["end"] = slice.mark;
        }
        events_.push_back(std::move(event));
    }

    double last_ = 0;
    int next_tid_ = 1;
    std::vector<Json> headers_, events_;
};

std::string name_of(const RecordedQmp& message) {
    switch (message.kind) {
        case QmpKind::command: return name_of("> " + message.name);
        case QmpKind::error: return name_of("error: " + message.name);
        case QmpKind::event:
        case QmpKind::answer: break;
    }
    return name_of(message.name);
}

}  // namespace

std::string trace_json(const TrialRecord& record) {
    Writer writer(record);
    writer.process(kGuest, "guest");
    writer.process(kRig, "rig");
    writer.thread(kRig, kSteps, "steps");
    writer.thread(kRig, kQmp, "QMP");
    writer.thread(kRig, kConsole, "console");
    for (auto& track : Guest(record).tracks()) writer.guest_track(std::move(track));
    for (const auto& happening : record.happenings) {
        if (happening.actor != "rig") continue;
        const bool step = happening.what == "step";
        writer.add({happening.ms, name_of(step ? happening.text : happening.what + ": " + happening.text),
                    name_of(happening.what), Json::object()},
                   kRig, kSteps);
    }
    for (const auto& message : record.qmp)
        if (message.kind != QmpKind::answer)
            writer.add({message.ms, name_of(message), "qmp", {{"line", cut(one_line(message.line), kTextBytes)}}}, kRig,
                       kQmp);
    for (const auto& line : record.console)
        if (const std::string text = one_line(line.text); !text.empty())
            writer.add({line.ms, name_of(text), "console", {{"line", cut(text, kTextBytes)}}}, kRig, kConsole);
    return std::move(writer).text();
}

}  // namespace memrig
