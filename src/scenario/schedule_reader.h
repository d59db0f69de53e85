// Reads [actor.*] and [[step]] of a scenario file into a Schedule.
#pragma once

#include "base/toml_reader.h"
#include "schedule/schedule.h"

namespace memrig {

inline constexpr unsigned kMostRounds = 100'000;  // of a loop

// Mistakes go to the document's diagnostics: among others an actor that no step starts, a hold of an actor that was not
// started or is held already, a release of one that is not, evidence that nothing could show, steps behind the settling.
Schedule read_schedule(TomlTable& root);

}  // namespace memrig
