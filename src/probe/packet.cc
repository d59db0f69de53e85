#include "probe/packet.h"

#include <charconv>

#include "base/assert.h"

namespace memrig {

namespace {

constexpr char kEscape = '}';
constexpr char kEscapeFlip = 0x20;

unsigned checksum(std::string_view text) {
    unsigned sum = 0;
    for (const char c : text) sum += static_cast<unsigned char>(c);
    return sum & 0xff;
}

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Undoes escapes ('}' and the byte xor 0x20) and run lengths ('*' and a count of repeats, printed as count + 29).
Result<std::string> expand(std::string_view raw, std::size_t limit) {
    std::string text;
    for (std::size_t i = 0; i < raw.size(); i++) {
        if (raw[i] == kEscape) {
            if (++i == raw.size()) return fail(Fault::rig, "gdbstub: a packet ends in the middle of an escape");
            text += static_cast<char>(raw[i] ^ kEscapeFlip);
        } else if (raw[i] == '*') {
            if (++i == raw.size() || text.empty() || raw[i] < 32)
                return fail(Fault::rig, "gdbstub: a packet has a broken run length");
            text.append(static_cast<std::size_t>(raw[i] - 29), text.back());
        } else {
            text += raw[i];
        }
        if (text.size() > limit) return fail(Fault::rig, "gdbstub: a packet is larger than {} bytes", limit);
    }
    return text;
}

}  // namespace

std::string encode_packet(std::string_view payload) {
    std::string body;
    body.reserve(payload.size());
    for (const char c : payload) {
        if (c == '$' || c == '#' || c == kEscape || c == '*') {
            body += kEscape;
            body += static_cast<char>(c ^ kEscapeFlip);
        } else {
            body += c;
        }
    }
    return fmt::format("${}#{:02x}", body, checksum(body));
}

Result<std::optional<std::string>> PacketDecoder::next() {
    const std::size_t start = buffer_.find('$');
    if (start == std::string::npos) {
        buffer_.clear();
        return std::nullopt;
    }
    buffer_.erase(0, start);
    const std::size_t hash = buffer_.find('#');
    if (hash == std::string::npos || hash + 2 >= buffer_.size()) {
        if (buffer_.size() <= limit_) return std::nullopt;
        buffer_.clear();
        return fail(Fault::rig, "gdbstub: a packet is larger than {} bytes", limit_);
    }
    const std::string raw = buffer_.substr(1, hash - 1);
    const int high = nibble(buffer_[hash + 1]);
    const int low = nibble(buffer_[hash + 2]);
    buffer_.erase(0, hash + 3);
    if (high < 0 || low < 0 || static_cast<unsigned>(high * 16 + low) != checksum(raw))
        return fail(Fault::rig, "gdbstub: a packet has a wrong checksum");
    MEMRIG_TRY(std::string text, expand(raw, limit_));
    return text;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto value = static_cast<unsigned char>(c);
        text += digits[value >> 4];
        text += digits[value & 15];
    }
    return text;
}

std::optional<std::string> from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = nibble(hex[i]);
        const int low = nibble(hex[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::optional<std::uint64_t> parse_hex(std::string_view hex) {
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (code != std::errc() || end != hex.data() + hex.size() || hex.empty()) return std::nullopt;
    return value;
}

std::uint64_t little_endian(std::string_view bytes) {
    MEMRIG_ASSERT(bytes.size() >= 8, "there are at least 8 bytes to read a number from");
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

}  // namespace memrig
