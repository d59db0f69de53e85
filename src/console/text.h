// Small reading aids that the console parser's files share. All are linear in what they are given and never throw.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace memrig::console {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Takes `prefix` off the front of `text`, if it is there.
inline bool consume(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::string_view trim(std::string_view text);
void skip_spaces(std::string_view& text);
// Takes the longest run of decimal or of hexadecimal digits off the front; may be empty.
std::string_view take_digits(std::string_view& text);
std::string_view take_hex(std::string_view& text);
// Takes what stands before the next space, and the spaces in front of it.
std::string_view take_word(std::string_view& text);

// The text before `mark`, or after it; nothing where there is no mark.
std::optional<std::string_view> before(std::string_view text, std::string_view mark);
std::optional<std::string_view> after(std::string_view text, std::string_view mark);

// A pid as the kernel prints one, or -1: what is no number, or too long to be a pid, is none.
int to_pid(std::string_view digits);
// The pid after `label` ("PID: ", " pid:"), spaces between allowed, or -1.
int pid_after(std::string_view text, std::string_view label);

// A copy that is fit for a report: printable ASCII, others as '?', at most `limit` bytes.
std::string clean(std::string_view text, std::size_t limit = 512);

struct TaskName {
    std::string_view comm;
    int pid = -1;
};
// "comm/pid" or "comm:pid": the comm may itself contain the separator (kworker/0:1/9), so the last one counts.
std::optional<TaskName> task_name(std::string_view text, char separator);

}  // namespace memrig::console
