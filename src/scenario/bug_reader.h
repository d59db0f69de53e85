// Reads the table [bug] of a scenario: which fix it is about, and which arms on which kernels show it.
#pragma once

#include <vector>

#include "base/toml_reader.h"
#include "scenario/scenario.h"

namespace memrig {

// Returns whether the text names a commit: 7 to 40 hex digits, or "lore:MESSAGE-ID".
bool names_commit(std::string_view text);

// Reports every mistake. `arms` are those of the scenario.
KnownBug read_bug(TomlTable& table, const std::vector<ScenarioArm>& arms);

}  // namespace memrig
