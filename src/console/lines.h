// Splits console text into the kernel's lines, without carriage returns, log levels, time stamps and caller ids.
#pragma once

#include <cstddef>
#include <string_view>

namespace memrig::console {

struct Line {
    std::string_view text;    // the text that printk() was given
    std::string_view caller;  // "T12" or "C1" (CONFIG_PRINTK_CALLER), else empty
    bool stamped = false;     // the line had a time stamp
    std::size_t number = 0;   // line of the console text, from 0
};

// Reads a console line by line. The views point into its text. If a kernel line starts in the middle of a program's
// line ("~ # [    1.5] BUG: "), next() returns two lines with the same number.
class LineReader {
public:
    explicit LineReader(std::string_view text) : rest_(text) {}

    // False at the end of the text.
    bool next(Line& line);

private:
    std::string_view rest_;  // the lines not read yet
    std::string_view raw_;   // the rest of the current line
    bool within_ = false;    // `raw_` is the kernel's part of a line that starts with a program's
    std::size_t number_ = 0;
};

// True if any line has a time stamp. The kernel then stamps all its lines, so a line without a stamp is a program's.
bool has_time_stamps(std::string_view text);

}  // namespace memrig::console
