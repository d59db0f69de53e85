#include "guest/frame.h"

#include <algorithm>

#include <zlib.h>

namespace memrig {

namespace {

constexpr std::string_view kMagic = "\xF5MR\xF7";
constexpr std::size_t kCrcBytes = 4;

std::uint32_t checksum(std::string_view bytes) {
    return static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

template <class Number>
void put(std::string& out, Number value) {
    for (std::size_t i = 0; i < sizeof value; i++) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

template <class Number>
Number get(std::string_view in, std::size_t at) {
    Number value = 0;
    for (std::size_t i = sizeof value; i-- > 0;)
        value = static_cast<Number>(static_cast<std::uint64_t>(value) << 8 | static_cast<unsigned char>(in[at + i]));
    return value;
}

bool is_known(std::uint8_t type) {
    return type >= static_cast<std::uint8_t>(FrameType::hello) &&
           type <= static_cast<std::uint8_t>(FrameType::deflated_part);
}

}  // namespace

const char* to_string(FrameType type) {
    switch (type) {
        case FrameType::hello: return "hello";
        case FrameType::request: return "request";
        case FrameType::reply: return "reply";
        case FrameType::part: return "part";
        case FrameType::event: return "event";
        case FrameType::deflated_part: return "deflated-part";
    }
    return "unknown";
}

std::string encode_frame(const Frame& frame) {
    std::string out(kMagic);
    out.reserve(kHeaderBytes + frame.payload.size() + kCrcBytes);
    out += static_cast<char>(kProtocolVersion);
    out += static_cast<char>(frame.type);
    put(out, frame.sequence);
    put(out, frame.id);
    put(out, static_cast<std::uint32_t>(frame.payload.size()));
    put(out, checksum(out));
    out += frame.payload;
    put(out, checksum(frame.payload));
    return out;
}

bool can_be_carried(std::string_view bytes) {
    constexpr std::string_view dropped("\r\0", 2);
    return bytes.find(dropped) == std::string_view::npos;
}

bool FrameDecoder::header_is_sound(std::string_view at) {
    if (!at.starts_with(kMagic) || get<std::uint32_t>(at, 16) != checksum(at.substr(0, 16))) return false;
    const auto version = static_cast<std::uint8_t>(at[4]);
    if (version != kProtocolVersion) {
        foreign_version_ = version;
        return false;
    }
    return is_known(static_cast<std::uint8_t>(at[5])) && get<std::uint32_t>(at, 12) <= kMaxPayload;
}

void FrameDecoder::skip(std::size_t count) { skipped_ += count; }

std::optional<Frame> FrameDecoder::next() {
    std::optional<Frame> found;
    const std::string_view all = buffer_;
    std::size_t begin = 0;
    while (!found) {
        const std::size_t start = std::min(all.find(kFrameStart, begin), all.size());
        skip(start - begin);
        begin = start;
        const std::string_view at = all.substr(begin);
        if (at.size() < kHeaderBytes) break;
        if (!header_is_sound(at)) {
            skip(1);
            begin++;
            continue;
        }
        const std::size_t length = get<std::uint32_t>(at, 12);
        const std::string_view payload = at.substr(kHeaderBytes, length);
        if (const std::size_t cut = payload.find(kFrameStart); cut != std::string_view::npos) {
            skip(kHeaderBytes + cut);
            begin += kHeaderBytes + cut;
            continue;
        }
        const std::size_t size = kHeaderBytes + length + kCrcBytes;
        if (at.size() < size) break;
        if (get<std::uint32_t>(at, kHeaderBytes + length) != checksum(payload)) {
            skip(1);
            begin++;
            continue;
        }
        found = Frame{FrameType{static_cast<std::uint8_t>(at[5])}, get<std::uint32_t>(at, 8), get<std::uint16_t>(at, 6),
                      std::string(payload)};
        begin += size;
    }
    buffer_.erase(0, begin);
    return found;
}

}  // namespace memrig
