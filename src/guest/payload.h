// Payloads of the agent's protocol: lines of space-separated key=value fields, the values percent-escaped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace memrig {

// Escapes everything but printable ASCII, and of that space and '%'.
std::string escape(std::string_view value);
// Nothing if the text is not one that escape() makes.
std::optional<std::string> unescape(std::string_view text);

// " key=value" or, at the beginning of a line, "key=value".
void add_field(std::string& out, std::string_view key, std::string_view value);

// The fields of one line, in order. All errors are Fault::guest.
class Fields {
public:
    static Result<Fields> parse(std::string_view line);

    // The key of the first field, which says what the line is about; empty for an empty line.
    [[nodiscard]] std::string_view kind() const { return list_.empty() ? std::string_view{} : list_.front().first; }
    // Nothing if there is no such field.
    [[nodiscard]] std::optional<std::string> find(std::string_view key) const;
    [[nodiscard]] Result<std::string> text(std::string_view key) const;
    [[nodiscard]] Result<std::uint64_t> number(std::string_view key) const;
    [[nodiscard]] Result<int> small_number(std::string_view key) const;

private:
    std::vector<std::pair<std::string, std::string>> list_;
};

// The lines of a payload, without their newlines; an empty last one is left out.
std::vector<std::string_view> split_lines(std::string_view payload);

}  // namespace memrig
