// Any bytes from a gdbstub, in pieces of any size: the decoder must come back, stay within its limit, and read what
// encode_packet() wrote.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "probe/packet.h"

namespace {

constexpr std::size_t kLimit = 4096;

void require(bool holds) {
    if (!holds) std::abort();
}

// Takes all packets that there are; errors are as good as packets, but each must use up what it is about.
void drain(memrig::PacketDecoder& decoder, std::size_t most) {
    for (std::size_t taken = 0;; taken++) {
        require(taken <= most);
        const auto packet = decoder.next();
        if (!packet) continue;
        if (!*packet) return;
        require((*packet)->size() <= kLimit);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are what the fuzzer has, text is what is
    // parsed
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    memrig::PacketDecoder whole(kLimit);
    whole.feed(text);
    drain(whole, size);

    memrig::PacketDecoder pieces(kLimit);
    for (std::size_t at = 0; at < size;) {
        const std::size_t length = 1 + data[at] % 7;
        pieces.feed(text.substr(at, length));
        drain(pieces, size);
        at += length;
    }

    memrig::PacketDecoder own(2 * size + kLimit);
    own.feed(memrig::encode_packet(text));
    const auto back = own.next();
    require(back && *back && **back == text);

    require(memrig::from_hex(memrig::to_hex(text)) == text);
    (void)memrig::from_hex(text);
    (void)memrig::parse_hex(text);
    return 0;
}
