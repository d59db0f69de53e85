// Draws a trial's lock timeline: a lane for each task, with the locks that it held, waited for and was refused, and the
// schedule's steps across all lanes.
#pragma once

#include "page/html.h"
#include "report/task_tracks.h"

namespace memrig {

// Adds the drawing, its legend, the steps as a list, and the same events as a table. Parts that are left out to keep it
// readable are mentioned.
void add_lanes(Element& parent, const TrialRecord& record, const std::vector<TaskTrack>& tracks);

}  // namespace memrig
