// What a POSIX shell makes of text.
#pragma once

#include <string>

namespace memrig {

// `text` as a shell takes it for one word: as it is where it can be.
std::string shell_word(const std::string& text);

}  // namespace memrig
