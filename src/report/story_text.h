// Prints the story of a trial: for a terminal, and as JSON for scripts.
#pragma once

#include <functional>
#include <string>

#include "base/text.h"
#include "report/story.h"

namespace memrig {

// Returns the file and line of a place such as "online_store+0x47": "drivers/base/core.c:2790"; empty if unknown.
using LineLookup = std::function<std::string(const std::string& place)>;

inline constexpr std::size_t kLeastStoryWidth = 80, kMostStoryWidth = 160;

// Prints at most `width` columns a line. A width outside of the limits above counts as the nearest one inside. Only a
// single word that is longer, such as a path in a command, leaves the line. With `lines`, each place of a call path is
// followed by its file and line.
std::string story_text(const Story& story, std::size_t width, const Paint& paint, const LineLookup& lines = {});

// Prints one JSON object. docs/results.md lists its keys.
std::string story_json(const Story& story, const LineLookup& lines = {});

}  // namespace memrig
