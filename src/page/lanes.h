// A trial's lock timeline as a drawing: a lane for each task, with what it held, waited for and was refused, and the schedule's steps across.
#pragma once

#include "page/html.h"
#include "report/task_tracks.h"

namespace memrig {

// The drawing, its legend, the steps as a list, and the same events as a table. What is left out to keep it readable is said.
void add_lanes(Element& parent, const TrialRecord& record, const std::vector<TaskTrack>& tracks);

}  // namespace memrig
