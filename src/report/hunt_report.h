// Prints a hunt for people and for scripts.
#pragma once

#include <filesystem>
#include <string>

#include "base/text.h"
#include "campaign/hunt.h"

namespace memrig {

// The findings, a line for each strategy, the coverage, and a closing sentence.
std::string hunt_text(const Hunt& hunt, const std::filesystem::path& directory, const Paint& paint);
// docs/hunt.md describes it.
std::string hunt_json(const Hunt& hunt);

}  // namespace memrig
