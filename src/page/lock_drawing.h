// Draws the lock graph of a trial.
#pragma once

#include "page/html.h"
#include "report/trial_record.h"

namespace memrig {

// Adds the cycles of the graph, in words and, where Graphviz (`dot`) is installed, as a drawing.
void add_lock_graph(Element& parent, const TrialRecord& record);

}  // namespace memrig
