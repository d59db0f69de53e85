// Splits a text into lines.
#pragma once

#include <algorithm>
#include <string_view>

namespace memrig {

// Removes the first line from `text`, which may be empty, and returns it without its newline.
inline std::string_view next_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

}  // namespace memrig
