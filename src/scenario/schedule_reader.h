// Reads [actor.*] and [[step]] of a scenario file into a Schedule.
#pragma once

#include "base/toml_reader.h"
#include "schedule/schedule.h"

namespace memrig {

inline constexpr unsigned kMostRounds = 100'000;  // in a loop

// Adds mistakes to the document's diagnostics. Among them are an actor that no step starts, a hold of an actor that
// was not started or is already held, a release of an actor that is not held, evidence that nothing can show, and
// steps after the settling.
Schedule read_schedule(TomlTable& root);

}  // namespace memrig
