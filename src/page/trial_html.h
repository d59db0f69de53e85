// Adds one trial's evidence to a page: the wait-for graph, the lock timeline, the lock graph, and the console
// with marked reports.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "page/html.h"

namespace memrig {

// Adds the evidence below `parent`. `level` is the level of its headings, 2 to 5. No part of it is larger than about
// 150 KB, whatever the directory holds; parts that are left out are mentioned. Fault::user_input if a file is damaged;
// then nothing was added.
Status add_trial_evidence(Element& parent, const std::filesystem::path& directory, int level);

// Adds the console. Each line that begins or belongs to a report of the kernel is marked; the lines around are shown.
struct RecordedLine;
void add_console(Element& parent, const std::vector<RecordedLine>& lines);

}  // namespace memrig
