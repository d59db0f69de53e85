#include "console/text.h"

#include <algorithm>
#include <charconv>

namespace memrig::console {

namespace {

template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
    const auto end = std::find_if_not(text.begin(), text.end(), predicate);
    const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

}  // namespace

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

void skip_spaces(std::string_view& text) {
    take_while(text, [](char c) { return c == ' ' || c == '\t'; });
}

std::string_view take_digits(std::string_view& text) { return take_while(text, is_digit); }

std::string_view take_hex(std::string_view& text) { return take_while(text, is_hex); }

std::string_view take_word(std::string_view& text) {
    skip_spaces(text);
    return take_while(text, [](char c) { return c != ' ' && c != '\t'; });
}

std::optional<std::string_view> before(std::string_view text, std::string_view mark) {
    const auto at = text.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    return text.substr(0, at);
}

std::optional<std::string_view> after(std::string_view text, std::string_view mark) {
    const auto at = text.find(mark);
    if (at == std::string_view::npos) return std::nullopt;
    return text.substr(at + mark.size());
}

int to_pid(std::string_view digits) {
    int value = -1;
    const char* end = digits.data() + digits.size();
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end goes with it
    const auto [stopped, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc{} || stopped != end || digits.empty() || !is_digit(digits.front())) return -1;
    return value;
}

int pid_after(std::string_view text, std::string_view label) {
    auto rest = after(text, label);
    if (!rest) return -1;
    skip_spaces(*rest);
    return to_pid(take_digits(*rest));
}

std::string clean(std::string_view text, std::size_t limit) {
    std::string copy(text.substr(0, limit));
    std::ranges::replace_if(copy, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return copy;
}

std::optional<TaskName> task_name(std::string_view text, char separator) {
    const auto at = text.rfind(separator);
    if (at == std::string_view::npos) return std::nullopt;
    const int pid = to_pid(text.substr(at + 1));
    if (pid < 0) return std::nullopt;
    return TaskName{text.substr(0, at), pid};
}

}  // namespace memrig::console
