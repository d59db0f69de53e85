// The console text as the kernel's own lines: without carriage returns, log levels, time stamps and caller ids.
#pragma once

#include <cstddef>
#include <string_view>

namespace memrig::console {

struct Line {
    std::string_view text;    // what printk() was given
    std::string_view caller;  // "T12" or "C1" (CONFIG_PRINTK_CALLER), else empty
    bool stamped = false;     // had a time stamp
    std::size_t number = 0;   // 0-based line of the console text
};

// Reads a console line by line. The views point into its text. A line of the kernel's that begins in the midst of a
// program's ("~ # [    1.5] BUG: ") comes out as two, with the same number.
class LineReader {
public:
    explicit LineReader(std::string_view text) : rest_(text) {}

    // False at the end of the text.
    bool next(Line& line);

private:
    std::string_view rest_;  // the lines to come
    std::string_view raw_;   // what is left of the present one
    bool within_ = false;    // `raw_` is such a rest
    std::size_t number_ = 0;
};

// Some line has a time stamp. The kernel then stamps all its lines, so one without is a program's.
bool has_time_stamps(std::string_view text);

}  // namespace memrig::console
