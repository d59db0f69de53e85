// Finds the wait-for graph of a trial: the tasks that held locks and waited for locks at one moment. The moment is the
// end, if a task then waited for a lock that another task held. Else it is the last time that a task began to wait for,
// or was refused, a lock that another task held.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/task_tracks.h"

namespace memrig {

enum class GraphEdgeKind { holds, waits, refused };
const char* to_string(GraphEdgeKind kind);  // "holds", "waits for", "was refused"

struct GraphEdge {
    std::size_t task = 0, lock = 0;
    GraphEdgeKind kind = GraphEdgeKind::holds;
    std::string where;
    bool in_cycle = false;
};

struct GraphTask {
    std::string label;
    std::vector<std::string> also_holds;  // locks that no other task wants
};

struct WaitGraph {
    double at = 0;        // ms from the trial's origin
    bool at_end = false;  // the moment is the end of the record
    std::vector<GraphTask> tasks;
    std::vector<std::string> locks;  // those that one task holds and another one wants
    std::vector<GraphEdge> edges;
    // "adder waits for ..., held by onliner; onliner waits for ..."; empty if there is no cycle.
    std::string cycle;
};

// Makes the graph. `end` is last_moment() of the record. If no task ever wanted a lock that another one held, the graph
// has no locks, and its tasks are the actors that held a lock at the end.
WaitGraph wait_graph(const std::vector<TaskTrack>& tracks, double end);

// The moment in words: "At 12.000 ms, the end of the record".
std::string moment_text(const WaitGraph& graph);
// The edge in words: "adder waits for mem_hotplug_lock (state_store+0x1): part of the cycle".
std::string edge_text(const WaitGraph& graph, const GraphEdge& edge);

}  // namespace memrig
