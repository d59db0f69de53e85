#include "cli/validators.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/toml_reader.h"

namespace memrig {

// CLI11 alone reads "010" as octal 8, and reads a number that is too large as the largest number.
std::string not_decimal(const std::string& text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc::result_out_of_range) return fmt::format("{} is too large", text);
    const bool plain = error == std::errc() && stop == end && (text == "0" || text.front() != '0');
    return plain ? "" : fmt::format("{} is not a whole decimal number", text);
}

std::string no_setting(const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::size_t dot = text.find('.');
    const bool good = equals != std::string::npos && dot != std::string::npos && dot > 0 && dot + 1 < equals;
    return good ? "" : fmt::format("{} does not have the form actor.key=value", text);
}

std::string no_symbol(const std::string& text) {
    const bool good = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '.' || c == ',';
    });
    return good ? "" : fmt::format("{} is not a kernel symbol", text);
}

std::optional<std::chrono::seconds> parse_span(const std::string& text) {
    constexpr std::int64_t hour = 3600, day = 24 * hour, most = 366 * day;
    std::int64_t count = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
    if (read.ec != std::errc() || read.ptr + 1 != text.data() + text.size() || count < 1) return std::nullopt;
    const std::int64_t unit = *read.ptr == 's'   ? 1
                              : *read.ptr == 'm' ? 60
                              : *read.ptr == 'h' ? hour
                              : *read.ptr == 'd' ? day
                                                 : 0;
    if (unit == 0 || count > most / unit) return std::nullopt;
    return std::chrono::seconds(count * unit);
}

std::string not_a_span(const std::string& text) {
    return parse_span(text) ? "" : fmt::format("{} is not a time such as 90s, 30m, 6h or 30d", one_line(text));
}

std::string not_a_size(const std::string& text) {
    return parse_size(text) ? "" : fmt::format("{} is not a size such as 512M or 20G", one_line(text));
}

fs::path default_run_directory() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    return fs::path("runs") / fmt::format("{}-{}", stamp, ::getpid());
}

void remove_if_empty(const fs::path& directory) {
    std::error_code code;
    fs::remove(directory, code);
    if (!code) fs::remove(directory.parent_path(), code);
}

}  // namespace memrig
