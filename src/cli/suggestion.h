// "Did you mean ...?"
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

// The one of `known` that `word` is most likely a slip of: a part that can only be it, or at most two letters off.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace memrig
