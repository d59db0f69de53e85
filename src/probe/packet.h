// Encodes and decodes packets of the gdb remote serial protocol ("$payload#checksum"), without any socket.
// Format: "Packets" in gdb's manual, appendix "Remote Protocol".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace memrig {

// Returns a packet ready to be sent. `payload` may hold any byte: '$', '#', '}' and '*' are escaped.
std::string encode_packet(std::string_view payload);

// Takes bytes as they arrive and returns whole packets. A packet larger than `limit` bytes is an error.
// Skips acknowledgements ('+', '-') and noise between packets. Not thread-safe.
class PacketDecoder {
public:
    explicit PacketDecoder(std::size_t limit = 1 << 20) : limit_(limit) {}

    void feed(std::string_view bytes) { buffer_.append(bytes); }
    // Returns the next payload, with escapes and run lengths expanded, or nothing while it is incomplete.
    // A wrong checksum, a broken escape or a packet over the limit is an error (Fault::rig), and drops the packet.
    Result<std::optional<std::string>> next();

private:
    std::size_t limit_;
    std::string buffer_;
};

std::string to_hex(std::string_view bytes);
// Returns nothing if `hex` has an odd length or a character that is not a hex digit.
std::optional<std::string> from_hex(std::string_view hex);
std::optional<std::uint64_t> parse_hex(std::string_view hex);
// Returns the little-endian number in the first 8 bytes. REQUIRES: `bytes` has at least 8 bytes.
std::uint64_t little_endian(std::string_view bytes);

}  // namespace memrig
