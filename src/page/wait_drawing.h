// Draws the wait-for graph of a trial.
#pragma once

#include "page/html.h"
#include "report/wait_graph.h"

namespace memrig {

// Adds the drawing, and the same in words.
void add_wait_graph(Element& parent, const WaitGraph& graph);

}  // namespace memrig
