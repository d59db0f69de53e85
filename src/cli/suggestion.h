// Finds the suggestion for "did you mean ...?".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

// Returns the known name that was most likely meant by `word`: the only one that begins with it, or else the nearest
// one with at most two different letters. Empty if there is none.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace memrig
