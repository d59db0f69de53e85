// Writes a trial in Chrome's trace event format, which ui.perfetto.dev and chrome://tracing show on a time axis.
#pragma once

#include <string>

#include "report/trial_record.h"

namespace memrig {

// Makes JSON with one event per line, by time. A task is a thread of the process "guest": its slices are the locks that
// it holds and waits for, its instants are its other events. The process "rig" has the schedule's steps, QMP and the
// console. docs/results.md says what each event means.
std::string trace_json(const TrialRecord& record);

}  // namespace memrig
