// The gdb remote serial protocol's packets: "$payload#checksum". Pure text work; no sockets here.
// Format: "Packets" in gdb's manual, appendix "Remote Protocol".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace memrig {

// A packet ready to be sent. `payload` may hold any byte; '$', '#', '}' and '*' are escaped.
std::string encode_packet(std::string_view payload);

// Takes bytes as they come and gives whole packets. Bounded: a packet larger than `limit` is an error.
// Acknowledgements ('+', '-') and noise between packets are passed over. Not thread-safe.
class PacketDecoder {
public:
    explicit PacketDecoder(std::size_t limit = 1 << 20) : limit_(limit) {}

    void feed(std::string_view bytes) { buffer_.append(bytes); }
    // The next payload, unescaped and with run-length encoding expanded; nothing while it is incomplete.
    // A wrong checksum, a broken escape or a packet over the limit is an error, and the packet is dropped.
    Result<std::optional<std::string>> next();

private:
    std::size_t limit_;
    std::string buffer_;
};

std::string to_hex(std::string_view bytes);
// Nothing if `hex` has an odd length or a character that is no hex digit.
std::optional<std::string> from_hex(std::string_view hex);
std::optional<std::uint64_t> parse_hex(std::string_view hex);
// The first 8 bytes as the guest keeps a number. REQUIRES: at least 8 of them.
std::uint64_t little_endian(std::string_view bytes);

}  // namespace memrig
