// One trial's evidence as part of a page: the wait-for graph, the lock timeline, the console with the lines that matter marked.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "page/html.h"

namespace memrig {

// Below `parent`. `level`: of its headings, 2 to 5. Nothing of it is larger than some 150 KB, whatever the directory holds; what is left out
// is said. Fault::user_input where a file is damaged: then nothing was added.
Status add_trial_evidence(Element& parent, const std::filesystem::path& directory, int level);

// The console, every line that begins or belongs to a report of the kernel's marked, with what is around them.
struct RecordedLine;
void add_console(Element& parent, const std::vector<RecordedLine>& lines);

}  // namespace memrig
