// A trial on a time axis: Chrome's trace event format, which ui.perfetto.dev and chrome://tracing show.
#pragma once

#include <string>

#include "report/trial_record.h"

namespace memrig {

// JSON, one event a line, by time. A task is a thread of the process "guest": slices for the locks it holds and waits for,
// instants for what else it did. The process "rig" has the schedule's steps, QMP and the console.
// docs/results.md says what each event means.
std::string trace_json(const TrialRecord& record);

}  // namespace memrig
