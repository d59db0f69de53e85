// Encodes and decodes the frames of the agent's protocol (docs/agent-protocol.md). The decoder skips garbage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace memrig {

enum class FrameType : std::uint8_t { hello = 1, request = 2, reply = 3, part = 4, event = 5, deflated_part = 6 };

const char* to_string(FrameType type);

struct Frame {
    FrameType type = FrameType::request;
    std::uint32_t id = 0;        // the request's; 0 if the agent sent the frame by itself
    std::uint16_t sequence = 0;  // a part's number; in a reply, the number of parts before it
    std::string payload;

    bool operator==(const Frame&) const = default;
};

inline constexpr unsigned kProtocolVersion = 3;
inline constexpr std::size_t kHeaderBytes = 20;
inline constexpr std::size_t kMaxPayload = 64 << 10;
// The first byte of every frame. No payload contains it, so a frame that was cut off ends where the next one starts.
inline constexpr char kFrameStart = '\xF5';

// REQUIRES: the payload has at most kMaxPayload bytes, and none of them is kFrameStart.
std::string encode_frame(const Frame& frame);

// True if these bytes reach the guest over every kind of line. A POWER guest's hvc drops a NUL after a carriage return
// (hvterm_raw_get_chars(), drivers/tty/hvc/hvc_vio.c).
bool can_be_carried(std::string_view bytes);

// Decodes incrementally. It keeps less than one frame if next() is called until it returns nothing.
class FrameDecoder {
public:
    void feed(std::string_view bytes) { buffer_.append(bytes); }
    // The next intact frame. Skips bytes that belong to no such frame.
    std::optional<Frame> next();

    [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
    // The protocol version of the last frame of another version, 0 if there was none.
    [[nodiscard]] unsigned foreign_version() const { return foreign_version_; }

private:
    bool header_is_sound(std::string_view at);
    void skip(std::size_t count);

    std::string buffer_;
    std::uint64_t skipped_ = 0;
    unsigned foreign_version_ = 0;
};

}  // namespace memrig
