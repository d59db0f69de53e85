// Writes a trial's lock graph in the language DOT, which Graphviz draws.
#pragma once

#include <cstddef>
#include <string>

#include "report/trial_record.h"

namespace memrig {

// Makes a graph with an arrow for each order in which locks were taken: from the lock that a task held to the one that
// it asked for. The label of an arrow has its tasks. Arrows of a cycle without a gate are red, those of a cycle with
// one are orange. An order that only readers make is dashed.
std::string lock_graph_dot(const TrialRecord& record);
// The same of the cycles alone, with at most `most` arrows, those without a gate first. An arrow has the class "gated"
// or "ungated".
std::string lock_cycles_dot(const TrialRecord& record, std::size_t most);

}  // namespace memrig
