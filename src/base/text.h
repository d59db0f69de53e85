// Makes text safe to print on terminals and in formats of lines.
// A guest's text may contain anything, but must neither move the cursor nor start a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace memrig {

// `text` without control characters and escape sequences. A run of line breaks and tabs becomes one space, and a byte
// that is not UTF-8 becomes '?'.
std::string one_line(std::string_view text);

// one_line(text), escaped so that Markdown shows it literally, in table cells too.
std::string md_escaped(std::string_view text);

// The columns that a one_line() text takes on a terminal; every character counts as one.
std::size_t columns(std::string_view text);
// `text` cut to `width` columns. The last column is "…" if something was cut.
std::string cut(std::string_view text, std::size_t width);

// `path` in `width` columns: its end, behind "…". Unchanged if it fits.
std::string short_path(std::string_view path, std::size_t width);

// "0.61 s", "12 s", "3 min 5 s", "2 h 10 min".
std::string short_time(double seconds);

// "1 trial", "2 trials".
std::string counted(std::size_t n, std::string_view noun);

// Colours text for a terminal if `on`, else leaves it as it is.
class Paint {
public:
    explicit Paint(bool on) : on_(on) {}
    [[nodiscard]] std::string good(std::string_view text) const { return wrap("32", text); }
    [[nodiscard]] std::string bad(std::string_view text) const { return wrap("1;31", text); }
    [[nodiscard]] std::string heading(std::string_view text) const { return wrap("1", text); }

private:
    [[nodiscard]] std::string wrap(std::string_view code, std::string_view text) const;
    bool on_;
};

}  // namespace memrig
