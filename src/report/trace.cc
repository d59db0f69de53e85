#include "report/trace.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/text.h"
#include "report/task_tracks.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kGuest = 1, kRig = 2;  // the ids of the trace's "processes"
enum RigTrack : int { kSteps = 1, kQmp, kConsole };
constexpr std::size_t kTextBytes = 4096;

double micros(double ms) { return std::round(ms * 1e3); }

struct Instant {
    double at = 0;
    std::string name, category;
    Json details;
};

Json json_of(const TrackDetails& details) {
    Json json = details.lock.empty()
                    ? Json{{"text", details.text}}
                    : Json{{"lock", details.lock}, {"instance", details.instance}, {"where", details.where}};
    if (details.vcpu) json["vcpu"] = *details.vcpu;
    return json;
}

class TraceWriter {
public:
    explicit TraceWriter(const TrialRecord& record) : last_(last_moment(record)) {}

    void process(int pid, const char* name) {
        headers_.push_back(header("process_name", pid, 0, {{"name", name}}));
        headers_.push_back(header("process_sort_index", pid, 0, {{"sort_index", pid}}));
    }
    void thread(int pid, int tid, const std::string& name) {
        headers_.push_back(header("thread_name", pid, tid, {{"name", name}}));
        headers_.push_back(header("thread_sort_index", pid, tid, {{"sort_index", tid}}));
    }

    // Adds a task's track. Slices that overlap but do not nest cannot share a thread; such a slice goes to another
    // thread with the task's name.
    void guest_track(TaskTrack track) {
        for (auto& slice : track.slices)
            if (!slice.to) {
                slice.to = last_;
                if (slice.mark.empty()) slice.mark = "lasts to the end";
            }
        std::ranges::stable_sort(track.slices, [](const TaskSlice& a, const TaskSlice& b) {
            return a.from != b.from ? a.from < b.from : *a.to > *b.to;
        });
        const int first = next_tid_++;
        thread(kGuest, first, track.label);
        std::vector<std::vector<double>> lanes(1);  // by thread: the ends of the open slices
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
        for (const auto& instant : track.instants)
            add({instant.at, instant.name, instant.category, json_of(instant.details)}, kGuest, first);
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
                all += separator + json_line(event);
                separator = ",\n";
            }
        return all + "\n],\n\"displayTimeUnit\": \"ms\"}\n";
    }

private:
    static Json header(const char* name, int pid, int tid, Json details) {
        return {{"name", name}, {"ph", "M"}, {"ts", 0.0}, {"pid", pid}, {"tid", tid}, {"args", std::move(details)}};
    }
    void add(const TaskSlice& slice, int tid) {
        Json event = {{"name", slice.name},
                      {"cat", to_string(slice.kind)},
                      {"ph", "X"},
                      {"ts", micros(slice.from)},
                      {"dur", micros(*slice.to) - micros(slice.from)},
                      {"pid", kGuest},
                      {"tid", tid},
                      {"args", json_of(slice.details)}};
        if (!slice.mark.empty()) {
            event["name"] = slice.name + " (" + slice.mark + ")";
            event["cname"] = "terrible";  // chrome://tracing's red
            event["args"]["end"] = slice.mark;
        }
        events_.push_back(std::move(event));
    }

    double last_;
    int next_tid_ = 1;
    std::vector<Json> headers_, events_;
};

std::string name_of(const RecordedQmp& message) {
    switch (message.kind) {
        case QmpKind::command: return track_name("> " + message.name);
        case QmpKind::error: return track_name("error: " + message.name);
        case QmpKind::event:
        case QmpKind::answer: break;
    }
    return track_name(message.name);
}

}  // namespace

std::string trace_json(const TrialRecord& record) {
    TraceWriter writer(record);
    writer.process(kGuest, "guest");
    writer.process(kRig, "rig");
    writer.thread(kRig, kSteps, "steps");
    writer.thread(kRig, kQmp, "QMP");
    writer.thread(kRig, kConsole, "console");
    for (auto& track : task_tracks(record)) writer.guest_track(std::move(track));
    for (const auto& happening : record.happenings) {
        if (happening.actor != "rig") continue;
        const bool step = happening.what == "step";
        writer.add({happening.ms, track_name(step ? happening.text : happening.what + ": " + happening.text),
                    track_name(happening.what), Json::object()},
                   kRig, kSteps);
    }
    for (const auto& message : record.qmp)
        if (message.kind != QmpKind::answer)
            writer.add({message.ms, name_of(message), "qmp", {{"line", cut(one_line(message.line), kTextBytes)}}}, kRig,
                       kQmp);
    for (const auto& line : record.console)
        if (const std::string text = one_line(line.text); !text.empty())
            writer.add({line.ms, track_name(text), "console", {{"line", cut(text, kTextBytes)}}}, kRig, kConsole);
    return std::move(writer).text();
}

}  // namespace memrig
