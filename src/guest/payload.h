// Reads and writes payloads of the agent's protocol: lines of key=value fields with percent-escaped values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace memrig {

// Escapes all bytes but printable ASCII, and also space and '%'.
std::string escape(std::string_view value);
// Returns nothing if escape() cannot produce `text`.
std::optional<std::string> unescape(std::string_view text);

// Appends " key=value" or, at the start of a line, "key=value". Escapes the value.
void add_field(std::string& out, std::string_view key, std::string_view value);

// The fields of one line, in order. All errors are Fault::guest.
class Fields {
public:
    static Result<Fields> parse(std::string_view line);

    // The key of the first field, which tells the kind of the line; empty for an empty line.
    [[nodiscard]] std::string_view kind() const { return list_.empty() ? std::string_view{} : list_.front().first; }
    // The value of the first such field; nothing if there is none. The functions below fail in that case.
    [[nodiscard]] std::optional<std::string> find(std::string_view key) const;
    [[nodiscard]] Result<std::string> text(std::string_view key) const;
    [[nodiscard]] Result<std::uint64_t> number(std::string_view key) const;
    [[nodiscard]] Result<int> small_number(std::string_view key) const;

private:
    std::vector<std::pair<std::string, std::string>> list_;
};

// The lines of a payload, without their newlines and without an empty last line.
std::vector<std::string_view> split_lines(std::string_view payload);

}  // namespace memrig
