// Marks the lines of a console that belong to a report of the kernel.
#pragma once

#include <vector>

#include "report/trial_record.h"

namespace memrig {

enum class ConsoleMark { none, part, headline };

// Returns a mark for each line: the headline of a report that the console's parser finds, or another line of it.
std::vector<ConsoleMark> console_marks(const std::vector<RecordedLine>& lines);

}  // namespace memrig
