#include "base/text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace memrig {

namespace {

constexpr char kEscape = '\x1b';

unsigned byte_at(std::string_view text, std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

// The length of the UTF-8 character at `at`; 0 if the bytes there are not UTF-8.
std::size_t character_length(std::string_view text, std::size_t at) {
    const unsigned first = byte_at(text, at);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; i++)
        if ((byte_at(text, at + i) & 0xc0) != 0x80) return 0;
    const unsigned second = byte_at(text, at + 1);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool surrogate = first == 0xed && second > 0x9f;
    const bool too_large = first == 0xf4 && second > 0x8f;
    return overlong || surrogate || too_large ? 0 : length;
}

// The length of the escape sequence at `at`: CSI up to its final byte, OSC up to its terminator, two bytes for others.
std::size_t escape_length(std::string_view text, std::size_t at) {
    const unsigned kind = byte_at(text, at + 1);
    std::size_t end = at + 2;
    if (kind == '[') {
        while (end < text.size() && (byte_at(text, end) < 0x40 || byte_at(text, end) > 0x7e)) end++;
        end++;
    } else if (kind == ']') {
        while (end < text.size() && text[end] != '\a' && text[end] != kEscape) end++;
        end += byte_at(text, end) == kEscape ? 2 : 1;
    }
    return std::min(end, text.size()) - at;
}

bool is_control(std::string_view character) {
    const unsigned first = byte_at(character, 0);
    return (character.size() == 1 && (first < 0x20 || first == 0x7f)) ||
           (character.size() == 2 && first == 0xc2 && byte_at(character, 1) < 0xa0);
}

}  // namespace

std::string one_line(std::string_view text) {
    std::string clean;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == kEscape) {
            at += escape_length(text, at);
            continue;
        }
        const std::size_t length = character_length(text, at);
        const std::string_view character = text.substr(at, std::max<std::size_t>(length, 1));
        at += character.size();
        if (length == 0) clean += '?';
        else if (character == "\n" || character == "\t") clean += clean.empty() || clean.back() == ' ' ? "" : " ";
        else if (!is_control(character)) clean += character;
    }
    while (!clean.empty() && clean.back() == ' ') clean.pop_back();
    return clean;
}

std::string md_escaped(std::string_view text) {
    std::string out;
    for (const char c : one_line(text)) {
        if (c == '|' || c == '<' || c == '*' || c == '_' || c == '`') out += '\\';
        out += c;
    }
    return out;
}

std::size_t columns(std::string_view text) {
    std::size_t n = 0;
    for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return n;
}

std::string cut(std::string_view text, std::size_t width) {
    if (columns(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::size_t at = 0;
    for (std::size_t kept = 0; kept + 1 < width; kept++) at += std::max<std::size_t>(character_length(text, at), 1);
    return std::string(text.substr(0, at)) + "…";
}

std::string short_path(std::string_view path, std::size_t width) {
    const std::size_t all = columns(path);
    if (all <= width || width == 0) return std::string(path);
    std::size_t at = 0;
    for (std::size_t left_out = all - width + 1; left_out > 0; left_out--)
        at += std::max<std::size_t>(character_length(path, at), 1);
    // From the next folder on, unless its name alone takes most of the room.
    if (const auto slash = path.find('/', at); slash != path.npos && columns(path.substr(slash)) * 2 > width)
        at = slash;
    return "…" + std::string(path.substr(at));
}

std::string short_time(double seconds) {
    if (!(seconds > 0)) seconds = 0;
    if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
    const auto whole = static_cast<unsigned long long>(std::llround(seconds));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string counted(std::size_t n, std::string_view noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

std::string Paint::wrap(std::string_view code, std::string_view text) const {
    return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace memrig
