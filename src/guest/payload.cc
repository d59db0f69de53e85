#include "guest/payload.h"

#include <charconv>

namespace memrig {

namespace {

bool is_plain(unsigned char c) { return c > ' ' && c < 0x7F && c != '%'; }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The start of a malformed text from the guest, escaped for an error message.
std::string excerpt(std::string_view text) {
    constexpr std::size_t kShown = 60;
    return escape(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "");
}

template <class Number>
Result<Number> parse_number(std::string_view key, const std::string& text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(Fault::guest, "the agent sent '{}' where a number was expected ({})", excerpt(text), key);
    return value;
}

}  // namespace

std::string escape(std::string_view value) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    out.reserve(value.size());
    for (const char raw : value) {
        const auto c = static_cast<unsigned char>(raw);
        if (is_plain(c)) {
            out += raw;
        } else {
            out += '%';
            out += kDigits[c >> 4];
            out += kDigits[c & 15];
        }
    }
    return out;
}

std::optional<std::string> unescape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            if (!is_plain(static_cast<unsigned char>(text[i]))) return std::nullopt;
            out += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return out;
}

void add_field(std::string& out, std::string_view key, std::string_view value) {
    if (!out.empty() && out.back() != '\n') out += ' ';
    out += key;
    out += '=';
    out += escape(value);
}

Result<Fields> Fields::parse(std::string_view line) {
    Fields fields;
    while (!line.empty()) {
        const std::size_t end = std::min(line.find(' '), line.size());
        const std::string_view field = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        const std::size_t equals = field.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return fail(Fault::guest, "the agent sent a field without a key: '{}'", excerpt(field));
        auto value = unescape(field.substr(equals + 1));
        if (!value) return fail(Fault::guest, "the agent sent a malformed value: '{}'", excerpt(field));
        fields.list_.emplace_back(field.substr(0, equals), std::move(*value));
    }
    return fields;
}

std::optional<std::string> Fields::find(std::string_view key) const {
    for (const auto& [name, value] : list_)
        if (name == key) return value;
    return std::nullopt;
}

Result<std::string> Fields::text(std::string_view key) const {
    auto value = find(key);
    if (!value)
        return fail(Fault::guest, "the agent's reply lacks the field '{}' in a line of kind '{}'", key,
                    excerpt(kind()));
    return std::move(*value);
}

Result<std::uint64_t> Fields::number(std::string_view key) const {
    MEMRIG_TRY(const std::string value, text(key));
    return parse_number<std::uint64_t>(key, value);
}

Result<int> Fields::small_number(std::string_view key) const {
    MEMRIG_TRY(const std::string value, text(key));
    return parse_number<int>(key, value);
}

std::vector<std::string_view> split_lines(std::string_view payload) {
    std::vector<std::string_view> lines;
    while (!payload.empty()) {
        const std::size_t end = std::min(payload.find('\n'), payload.size());
        lines.push_back(payload.substr(0, end));
        payload.remove_prefix(std::min(end + 1, payload.size()));
    }
    return lines;
}

}  // namespace memrig
