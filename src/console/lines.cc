#include "console/lines.h"

#include <algorithm>

#include "console/text.h"

namespace memrig::console {

namespace {

// Removes the stamp of print_time(), "[%5lu.%06lu]", from the front. Returns false if there is none.
bool take_stamp(std::string_view& text) {
    std::string_view rest = text;
    if (!consume(rest, "[")) return false;
    const std::size_t start = rest.size();
    while (consume(rest, " ")) {
        if (start - rest.size() > 5) return false;
    }
    const std::string_view whole = take_digits(rest);
    if (whole.empty() || start - rest.size() < 5 || !consume(rest, ".")) return false;
    if (take_digits(rest).size() != 6 || !consume(rest, "]")) return false;
    text = rest;
    return true;
}

// Removes the caller of print_caller(), "[%*s]" of "T%u" or "C%u", which directly follows the time stamp. Returns an
// empty view if there is none: "[#1]" and an address are no callers.
std::string_view take_caller(std::string_view& text) {
    std::string_view rest = text;
    if (!consume(rest, "[")) return {};
    skip_spaces(rest);
    const std::string_view begin = rest;
    if (!consume(rest, "T") && !consume(rest, "C")) return {};
    const std::size_t digits = take_digits(rest).size();
    if (digits == 0 || digits > 10 || !consume(rest, "]")) return {};
    text = rest;
    return begin.substr(0, digits + 1);
}

// Removes the level of print_syslog(), "<%u>".
void drop_level(std::string_view& text) {
    std::string_view rest = text;
    if (!consume(rest, "<")) return;
    const std::size_t digits = take_digits(rest).size();
    if (digits >= 1 && digits <= 3 && consume(rest, ">")) text = rest;
}

// The position of a time stamp after the line's first character, or npos.
std::size_t inner_stamp(std::string_view text) {
    for (std::size_t at = text.find('[', 1); at != std::string_view::npos; at = text.find('[', at + 1)) {
        std::string_view rest = text.substr(at);
        if (take_stamp(rest)) return at;
    }
    return std::string_view::npos;
}

}  // namespace

bool LineReader::next(Line& line) {
    if (!within_) {
        if (rest_.empty()) return false;
        const std::size_t newline = std::min(rest_.find('\n'), rest_.size());
        raw_ = rest_.substr(0, newline);
        rest_.remove_prefix(std::min(newline + 1, rest_.size()));
        while (raw_.ends_with('\r')) raw_.remove_suffix(1);
    }
    const std::size_t inner = inner_stamp(raw_);
    line = Line{.text = raw_.substr(0, inner), .caller = {}, .stamped = false, .number = number_};
    drop_level(line.text);
    line.stamped = take_stamp(line.text);
    if (line.stamped) {
        line.caller = take_caller(line.text);
        consume(line.text, " ");
    }
    within_ = inner != std::string_view::npos;
    if (within_) {
        raw_.remove_prefix(inner);
    } else {
        ++number_;
    }
    return true;
}

bool has_time_stamps(std::string_view text) {
    LineReader reader(text);
    for (Line line; reader.next(line);) {
        if (line.stamped) return true;
    }
    return false;
}

}  // namespace memrig::console
