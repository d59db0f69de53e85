// Any bytes as the agent's line: the decoder must come back, stay bounded, and lose no sound frame behind them; and the
// parsers must make sense of any payload or refuse it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "guest/frame.h"
#include "guest/payload.h"
#include "guest/replies.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void parse(const std::string& payload) {
    (void)memrig::parse_status(payload);
    (void)memrig::parse_hello(payload);
    (void)memrig::parse_symbols(payload);
    (void)memrig::parse_blocks(payload);
    (void)memrig::parse_memory(payload);
    (void)memrig::parse_blocked_tasks(payload);
    (void)memrig::parse_doorbell(payload);
    if (const auto file = memrig::parse_file(payload)) require(file->size() <= memrig::kMaxGuestFile);
    if (const auto write = memrig::parse_write_event(payload)) require(write->error >= 0 && write->writer.size() <= 32);
    if (const auto text = memrig::inflate_reply(payload)) require(text->size() <= memrig::kMaxReply);
    if (const auto text = memrig::unescape(payload)) require(memrig::unescape(memrig::escape(*text)) == *text);
}

void check(const memrig::Frame& frame) {
    require(frame.payload.size() <= memrig::kMaxPayload);
    require(frame.payload.find(memrig::kFrameStart) == std::string::npos);
    parse(frame.payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are what the fuzzer has, text is what is
    // parsed
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    parse(std::string(bytes));

    memrig::FrameDecoder decoder;
    decoder.feed(bytes);
    while (const auto frame = decoder.next()) check(*frame);

    const memrig::Frame probe{memrig::FrameType::request, 0xF5F5F5F5, 1, "verb=hello\n"};
    decoder.feed(memrig::encode_frame(probe));
    bool arrived = false;
    while (const auto frame = decoder.next()) arrived = *frame == probe;
    require(arrived);

    // A payload that the fuzzer made, in a frame that is sound.
    std::string payload(bytes.substr(0, memrig::kMaxPayload));
    for (char& c : payload)
        if (c == memrig::kFrameStart) c = ' ';
    const memrig::Frame sent{memrig::FrameType::part, 1, 2, payload};
    decoder.feed(memrig::encode_frame(sent));
    const auto received = decoder.next();
    require(received && *received == sent);
    return 0;
}
