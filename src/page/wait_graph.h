// Who held what and waited for what at the moment that matters: the end, if somebody waited then for what another held, else the last time
// that somebody waited for or was refused what another held.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "page/html.h"
#include "report/task_tracks.h"

namespace memrig {

enum class GraphEdgeKind { holds, waits, refused };

struct GraphEdge {
    std::size_t task = 0, lock = 0;
    GraphEdgeKind kind = GraphEdgeKind::holds;
    std::string where;
    bool in_cycle = false;
};

struct GraphTask {
    std::string label;
    std::vector<std::string> also_holds;  // what nobody else wants
};

struct WaitGraph {
    double at = 0;        // ms from the trial's origin
    bool at_end = false;  // of what was seen
    std::vector<GraphTask> tasks;
    std::vector<std::string> locks;  // those that somebody holds and somebody else wants
    std::vector<GraphEdge> edges;
    // "adder waits for ..., held by onliner, which ..."; empty where there is no cycle.
    std::string cycle;
};

// `end`: last_moment() of the record. Where nobody ever wanted what another held there are no locks, and the tasks are the actors that held
// something at the end.
WaitGraph wait_graph(const std::vector<TaskTrack>& tracks, double end);

// The drawing and the same in words.
void add_wait_graph(Element& parent, const WaitGraph& graph);

}  // namespace memrig
