#include <gtest/gtest.h>

#include "guest/frame.h"
#include "guest/payload.h"

namespace memrig {
namespace {

Frame sample(std::uint32_t id = 7) { return {FrameType::reply, id, 3, "status=ok\n"}; }

std::vector<Frame> decode(FrameDecoder& decoder, std::string_view bytes) {
    std::vector<Frame> frames;
    decoder.feed(bytes);
    while (auto frame = decoder.next()) frames.push_back(std::move(*frame));
    return frames;
}

TEST(Frame, ComesBackAsItWas) {
    for (const auto type : {FrameType::hello, FrameType::request, FrameType::reply, FrameType::part, FrameType::event,
                            FrameType::deflated_part}) {
        const Frame frame{type, 0xF5F5F5F5, 0xF5F5, std::string(1000, 'x')};
        FrameDecoder decoder;
        EXPECT_EQ(decode(decoder, encode_frame(frame)), std::vector{frame});
        EXPECT_EQ(decoder.skipped(), 0u);
    }
}

TEST(Frame, HasTheDocumentedLayout) {
    const std::string bytes = encode_frame({FrameType::request, 0x01020304, 0x0506, "ab"});
    EXPECT_EQ(bytes.substr(0, 16), std::string("\xF5MR\xF7\x03\x02\x06\x05\x04\x03\x02\x01\x02\x00\x00\x00", 16));
    EXPECT_EQ(bytes.substr(20, 2), "ab");
    EXPECT_EQ(bytes.substr(22), "\x6D\x48\x83\x9E") << "CRC-32 of \"ab\", little-endian";
}

TEST(Frame, EmptyAndLargestPayloadsPass) {
    for (const std::size_t size : {std::size_t{0}, kMaxPayload}) {
        const Frame frame{FrameType::part, 1, 0, std::string(size, 'y')};
        FrameDecoder decoder;
        EXPECT_EQ(decode(decoder, encode_frame(frame)), std::vector{frame});
    }
}

TEST(Frame, ArrivesInPiecesOfAnySize) {
    const std::string bytes = encode_frame(sample(1)) + encode_frame(sample(2));
    for (std::size_t piece = 1; piece <= bytes.size(); piece++) {
        FrameDecoder decoder;
        std::vector<Frame> frames;
        for (std::size_t at = 0; at < bytes.size(); at += piece)
            for (auto& frame : decode(decoder, std::string_view(bytes).substr(at, piece))) frames.push_back(frame);
        EXPECT_EQ(frames, (std::vector{sample(1), sample(2)})) << "pieces of " << piece;
    }
}

TEST(Frame, GarbageAroundIsSkippedAndCounted) {
    const std::string noise = "[    0.1] kernel text \xF5 and \xF5M half a magic\r\n";
    FrameDecoder decoder;
    EXPECT_EQ(decode(decoder, noise + encode_frame(sample(1)) + noise + encode_frame(sample(2))),
              (std::vector{sample(1), sample(2)}));
    EXPECT_EQ(decoder.skipped(), 2 * noise.size());
}

// A frame cut at any byte, by a saved guest that was restored elsewhere, costs only itself.
TEST(Frame, OneCutAnywhereDoesNotCostTheNext) {
    const std::string cut = encode_frame(sample(1));
    for (std::size_t size = 0; size < cut.size(); size++) {
        FrameDecoder decoder;
        EXPECT_EQ(decode(decoder, cut.substr(0, size) + encode_frame(sample(2))), std::vector{sample(2)})
            << "cut at " << size;
    }
}

TEST(Frame, ALargeOneCutDoesNotMakeTheDecoderWaitForItsRest) {
    const std::string cut = encode_frame({FrameType::part, 1, 0, std::string(kMaxPayload, 'z')}).substr(0, 500);
    FrameDecoder decoder;
    EXPECT_EQ(decode(decoder, cut + encode_frame(sample(2))), std::vector{sample(2)});
}

TEST(Frame, AnyFlippedByteIsNoticed) {
    const std::string good = encode_frame(sample(1));
    for (std::size_t at = 0; at < good.size(); at++) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        FrameDecoder decoder;
        EXPECT_EQ(decode(decoder, bad + encode_frame(sample(2))), std::vector{sample(2)}) << "byte " << at;
    }
}

TEST(Frame, AnOversizeLengthIsNoFrame) {
    FrameDecoder decoder;
    const std::string large = encode_frame({FrameType::part, 1, 0, std::string(kMaxPayload + 1, 'z')});
    EXPECT_EQ(decode(decoder, large + encode_frame(sample(2))), std::vector{sample(2)});
    EXPECT_EQ(decoder.skipped(), large.size());
}

TEST(Frame, AnotherVersionIsToldApartFromGarbage) {
    // The header of version 4 with a right CRC, as a later agent would send it.
    const std::string later("\xF5MR\xF7\x04\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x9B\x75\x8C\x40", 20);
    FrameDecoder decoder;
    EXPECT_TRUE(decode(decoder, "noise" + encode_frame(sample())).size() == 1);
    EXPECT_EQ(decoder.foreign_version(), 0u);
    decode(decoder, later + std::string(64, '.'));
    EXPECT_EQ(decoder.foreign_version(), 4u);
}

TEST(Frame, CanBeCarriedWithoutANulBehindACarriageReturn) {
    EXPECT_TRUE(can_be_carried(""));
    EXPECT_TRUE(can_be_carried(std::string("\0\r\n\0", 4)));
    EXPECT_FALSE(can_be_carried(std::string("a\r\0", 3)));
    const std::string thirteen_bytes(13, 'x');
    EXPECT_FALSE(can_be_carried(encode_frame({FrameType::request, 1, 0, thirteen_bytes}))) << "their number is 0d 00";
}

TEST(Payload, EscapingIsUndone) {
    std::string all;
    for (int c = 0; c < 256; c++) all += static_cast<char>(c);
    const std::string escaped = escape(all);
    EXPECT_EQ(escaped.find_first_of(" \n\xF5"), std::string::npos);
    EXPECT_EQ(unescape(escaped), all);
}

TEST(Payload, MalformedEscapesAreRefused) {
    for (const char* text : {"%", "%4", "%4G", "%gg", "a b", "\xC3\xA4", "%4a"})
        EXPECT_EQ(unescape(text), std::nullopt) << text;
}

TEST(Payload, FieldsAreFoundByKey) {
    std::string line;
    add_field(line, "block", "32");
    add_field(line, "zones", "Normal Movable");
    const auto fields = Fields::parse(line);
    ASSERT_TRUE(fields) << fields.error().message;
    EXPECT_EQ(line, "block=32 zones=Normal%20Movable");
    EXPECT_EQ(fields->kind(), "block");
    EXPECT_EQ(fields->number("block").value(), 32u);
    EXPECT_EQ(fields->text("zones").value(), "Normal Movable");
    EXPECT_FALSE(fields->text("node"));
    EXPECT_FALSE(fields->number("zones"));
    EXPECT_EQ(fields->number("zones").error().fault, Fault::guest);
}

TEST(Payload, NumbersAreWholeAndInRange) {
    for (const char* text : {"", "-1", "1x", "0x10", "18446744073709551616", " 1"}) {
        std::string line;
        add_field(line, "n", text);
        EXPECT_FALSE(Fields::parse(line).value().number("n")) << text;
    }
    EXPECT_EQ(Fields::parse("n=18446744073709551615").value().number("n").value(), UINT64_MAX);
}

TEST(Payload, AFieldNeedsAKey) {
    for (const char* line : {"word", "=value", "a=1 word", "a=1  b=2"}) EXPECT_FALSE(Fields::parse(line)) << line;
}

}  // namespace
}  // namespace memrig
