// Small parsing functions that the console parser's files share. All take linear time and never throw.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace memrig::console {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Removes `prefix` from the front of `text`. Returns false if it is not there.
inline bool consume(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::string_view trim(std::string_view text);
void skip_spaces(std::string_view& text);
// Removes the longest run of decimal or of hexadecimal digits from the front and returns it; may be empty.
std::string_view take_digits(std::string_view& text);
std::string_view take_hex(std::string_view& text);
// Removes leading spaces and the word after them, and returns the word.
std::string_view take_word(std::string_view& text);

// The text before the first `mark`, or after it; nothing if there is no mark.
std::optional<std::string_view> before(std::string_view text, std::string_view mark);
std::optional<std::string_view> after(std::string_view text, std::string_view mark);

// The pid, or -1 if `digits` is not a number or does not fit into a pid.
int to_pid(std::string_view digits);
// The pid after `label` ("PID: ", " pid:") and any spaces, or -1.
int pid_after(std::string_view text, std::string_view label);

// A copy that is safe in a report: at most `limit` bytes, with '?' for all but printable ASCII.
std::string clean(std::string_view text, std::size_t limit = 512);

struct TaskName {
    std::string_view comm;
    int pid = -1;
};
// Splits "comm/pid" or "comm:pid" at the last separator, since the comm may contain it too (kworker/0:1/9).
std::optional<TaskName> task_name(std::string_view text, char separator);

}  // namespace memrig::console
