// Text for terminals and for formats of lines. What comes from a guest may hold anything; nothing of it may move a
// cursor or begin a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace memrig {

// Without control characters and escape sequences; line breaks and tabs become one blank, bytes that are no UTF-8 a '?'.
std::string one_line(std::string_view text);

// one_line() text that Markdown shows as it is, in a table's cell too.
std::string md_escaped(std::string_view text);

// How many columns one_line() text takes on a terminal, every character counted as one.
std::size_t columns(std::string_view text);
// Cut to `width` columns, the last of them "…" where something was cut.
std::string cut(std::string_view text, std::size_t width);

// "0.61 s", "12 s", "3 min 5 s", "2 h 10 min".
std::string short_time(double seconds);

// "1 trial", "2 trials".
std::string counted(std::size_t n, std::string_view noun);

// Colours, where they are wanted.
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
