// Quotes text for a POSIX shell.
#pragma once

#include <string>

namespace memrig {

// `text` in a form that a shell reads as one word; unchanged if it needs no quotes.
std::string shell_word(const std::string& text);

}  // namespace memrig
