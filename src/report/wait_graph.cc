#include "report/wait_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace memrig {

namespace {

constexpr std::size_t kMostTasks = 12, kMostLocks = 12, kMostAlso = 6;

using LockKey = std::pair<std::string, std::string>;  // name without "for reading", and address

LockKey key_of(const TrackDetails& details) { return {plain_lock(details), details.instance}; }

bool covers(const TaskSlice& slice, double at) { return slice.from <= at && (!slice.to || *slice.to > at); }

bool held_by_another(const std::vector<TaskTrack>& tracks, const TaskTrack& who, const TrackDetails& lock, double at) {
    return std::ranges::any_of(tracks, [&](const TaskTrack& other) {
        return &other != &who &&
               std::ranges::any_of(other.slices, [&](const TaskSlice& slice) { return hinders(slice, lock, at, at); });
    });
}

// Returns the moment of the graph (see wait_graph.h); empty if no task ever wanted a lock that another one held.
std::optional<double> moment_of(const std::vector<TaskTrack>& tracks, double end) {
    std::optional<double> latest;
    bool by_actor = false;
    // A moment of an actor goes before a moment of another task.
    const auto offer = [&](const TaskTrack& track, double at) {
        if (latest && by_actor && !track.actor) return;
        if (!latest || (track.actor && !by_actor) || at > *latest) latest = at;
        by_actor = by_actor || track.actor;
    };
    for (const auto& track : tracks) {
        for (const auto& slice : track.slices) {
            if (slice.kind != SliceKind::wait) continue;
            if (!slice.to && held_by_another(tracks, track, slice.details, end)) return end;
            if (held_by_another(tracks, track, slice.details, slice.from)) offer(track, slice.from);
        }
        for (const auto& instant : track.instants)
            if (instant.refused && held_by_another(tracks, track, instant.details, instant.at))
                offer(track, instant.at);
    }
    return latest;
}

struct Want {
    const TaskTrack* track;
    LockKey lock;
    GraphEdgeKind kind;
    std::string where;
};

std::vector<Want> wants_at(const std::vector<TaskTrack>& tracks, double at) {
    std::vector<Want> wants;
    for (const auto& track : tracks) {
        for (const auto& slice : track.slices)
            if (slice.kind == SliceKind::wait && covers(slice, at) && held_by_another(tracks, track, slice.details, at))
                wants.push_back({&track, key_of(slice.details), GraphEdgeKind::waits, slice.details.where});
        for (const auto& instant : track.instants)
            if (instant.refused && instant.at == at && held_by_another(tracks, track, instant.details, at))
                wants.push_back({&track, key_of(instant.details), GraphEdgeKind::refused, instant.details.where});
    }
    return wants;
}

// Finds a cycle. From each task, follows the first lock that it waits for to the first task that holds the lock: a task
// waits for one lock at a time.
void find_cycle(WaitGraph& graph) {
    const auto edge_of = [&](auto&& fits) { return std::ranges::find_if(graph.edges, fits); };
    for (std::size_t start = 0; start < graph.tasks.size(); start++) {
        std::vector<GraphEdge*> path;
        std::string words;
        std::size_t task = start;
        do {
            const auto wait =
                edge_of([&](const GraphEdge& edge) { return edge.task == task && edge.kind == GraphEdgeKind::waits; });
            if (wait == graph.edges.end()) break;
            const auto hold = edge_of([&](const GraphEdge& edge) {
                return edge.lock == wait->lock && edge.kind == GraphEdgeKind::holds && edge.task != task;
            });
            if (hold == graph.edges.end()) break;
            path.insert(path.end(), {&*wait, &*hold});
            words += fmt::format("{}{} waits for {}, held by {}", words.empty() ? "" : "; ", graph.tasks[task].label,
                                 graph.locks[wait->lock], graph.tasks[hold->task].label);
            task = hold->task;
        } while (task != start && path.size() <= 2 * graph.tasks.size());
        if (path.empty() || task != start) continue;
        for (GraphEdge* edge : path) edge->in_cycle = true;
        graph.cycle = words;
        return;
    }
}

}  // namespace

const char* to_string(GraphEdgeKind kind) {
    switch (kind) {
        case GraphEdgeKind::holds: return "holds";
        case GraphEdgeKind::waits: return "waits for";
        case GraphEdgeKind::refused: return "was refused";
    }
    return "?";
}

WaitGraph wait_graph(const std::vector<TaskTrack>& tracks, double end) {
    WaitGraph graph;
    const auto contended = moment_of(tracks, end);
    const double at = contended.value_or(end);
    graph.at = at;
    graph.at_end = at >= end;
    const auto wants = wants_at(tracks, at);
    std::map<LockKey, std::size_t> locks;
    for (const auto& want : wants)
        if (locks.size() < kMostLocks && locks.try_emplace(want.lock, graph.locks.size()).second)
            graph.locks.push_back(want.lock.first);
    for (const auto& track : tracks) {
        if (graph.tasks.size() == kMostTasks) break;
        const std::size_t index = graph.tasks.size();
        std::vector<GraphEdge> edges;
        GraphTask task{track.label, {}};
        for (const auto& slice : track.slices) {
            if (slice.kind != SliceKind::lock || !covers(slice, at)) continue;
            const auto known = locks.find(key_of(slice.details));
            if (known != locks.end())
                edges.push_back({index, known->second, GraphEdgeKind::holds, slice.details.where, false});
            else if (task.also_holds.size() < kMostAlso) task.also_holds.push_back(slice.details.lock);
        }
        for (const auto& want : wants)
            if (const auto known = locks.find(want.lock); want.track == &track && known != locks.end())
                edges.push_back({index, known->second, want.kind, want.where, false});
        if (contended ? edges.empty() : !track.actor || task.also_holds.empty()) continue;
        graph.tasks.push_back(std::move(task));
        graph.edges.insert(graph.edges.end(), edges.begin(), edges.end());
    }
    find_cycle(graph);
    return graph;
}

std::string moment_text(const WaitGraph& graph) {
    return fmt::format(
        "At {:.3f} ms, {}", graph.at,
        graph.at_end ? "the end of the record" : "the last time that a task wanted a lock that another task held");
}

std::string edge_text(const WaitGraph& graph, const GraphEdge& edge) {
    return fmt::format("{} {} {}{}{}", graph.tasks[edge.task].label, to_string(edge.kind), graph.locks[edge.lock],
                       edge.where.empty() ? "" : " (" + edge.where + ")", edge.in_cycle ? ": part of the cycle" : "");
}

}  // namespace memrig
