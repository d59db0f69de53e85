// Prints the known bugs and what became of them, for people and for scripts.
#pragma once

#include <string>

#include "base/text.h"
#include "run/known_bugs.h"

namespace memrig {

// A row for each bug: year, commit, subject, kernel, scenario, convicted by, trials needed, control; then the bugs that
// are not shown, with the reason.
std::string known_bugs_text(const KnownBugs& bugs, const Paint& paint);
std::string known_bugs_json(const KnownBugs& bugs);
std::string known_bugs_markdown(const KnownBugs& bugs);

}  // namespace memrig
