// The gdb remote protocol's packets: escapes, run lengths, checksums, limits, every way of being cut off.
#include <gtest/gtest.h>

#include "probe/packet.h"

namespace memrig {
namespace {

using namespace std::string_literals;

unsigned sum(std::string_view text) {
    unsigned total = 0;
    for (const char c : text) total += static_cast<unsigned char>(c);
    return total & 0xff;
}

// A packet with `body` as it stands between '$' and '#'.
std::string raw_packet(std::string_view body) { return fmt::format("${}#{:02x}", body, sum(body)); }

Result<std::optional<std::string>> decode(std::string_view bytes, std::size_t limit = 1 << 20) {
    PacketDecoder decoder(limit);
    decoder.feed(bytes);
    return decoder.next();
}

void expect_payload(const Result<std::optional<std::string>>& got, const std::string& wanted) {
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_TRUE(*got) << "no packet, though it is whole";
    EXPECT_EQ(**got, wanted);
}

void expect_error(const Result<std::optional<std::string>>& got, const std::string& words) {
    ASSERT_FALSE(got) << "no error";
    EXPECT_EQ(got.error().fault, Fault::rig);
    EXPECT_NE(got.error().message.find(words), std::string::npos) << got.error().message;
}

std::string every_byte() {
    std::string all;
    for (int c = 0; c < 256; c++) all += static_cast<char>(c);
    return all;
}

TEST(PacketEncode, IsFramedWithItsChecksum) {
    EXPECT_EQ(encode_packet("g"), "$g#67");
    EXPECT_EQ(encode_packet(""), "$#00");
    EXPECT_EQ(encode_packet("vCont;c:p01.02"), "$vCont;c:p01.02#" + fmt::format("{:02x}", sum("vCont;c:p01.02")));
}

TEST(PacketEncode, EscapesWhatHasAMeaning) {
    EXPECT_EQ(encode_packet("$"), "$}\x04#81");
    EXPECT_EQ(encode_packet("#"), "$}\x03#80");
    EXPECT_EQ(encode_packet("}"), "$}]#da");
    EXPECT_EQ(encode_packet("*"), "$}\x0a#87");
}

TEST(PacketEncode, EveryByteSurvives) { expect_payload(decode(encode_packet(every_byte())), every_byte()); }

TEST(PacketDecode, APlainPacket) { expect_payload(decode("$OK#9a"), "OK"); }
TEST(PacketDecode, AnEmptyPacketIsNoMissingOne) { expect_payload(decode("$#00"), ""); }
TEST(PacketDecode, ChecksumDigitsMayBeCapitals) { expect_payload(decode("$OK#9A"), "OK"); }

TEST(PacketDecode, AcknowledgementsAndNoiseArePassedOver) {
    PacketDecoder decoder;
    decoder.feed("++-noise\x03$OK#9a+");
    expect_payload(decoder.next(), "OK");
    const auto none = decoder.next();
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none);
}

TEST(PacketDecode, SeveralInOneGo) {
    PacketDecoder decoder;
    decoder.feed(raw_packet("OK") + "+" + raw_packet("E22") + raw_packet("T05thread:p01.01;"));
    expect_payload(decoder.next(), "OK");
    expect_payload(decoder.next(), "E22");
    expect_payload(decoder.next(), "T05thread:p01.01;");
    EXPECT_FALSE(*decoder.next());
}

TEST(PacketDecode, RunLengths) {
    expect_payload(decode(raw_packet("0* ")), "0000");                // ' ' is 32: three more
    expect_payload(decode(raw_packet("x*\"y")), "xxxxxxy");           // '"' is 34: five more
    expect_payload(decode(raw_packet("a*~")), std::string(98, 'a'));  // '~' is 126: the longest there is
    expect_payload(decode(raw_packet("0* 1* ")), "00001111");
}

TEST(PacketDecode, AnEscapedByteCanBeRepeated) { expect_payload(decode(raw_packet("}\x04* ")), "$$$$"); }
TEST(PacketDecode, AnEscapedStarIsNoRunLength) {
    expect_payload(decode(raw_packet("a}\x0a"
                                     "b")),
                   "a*b");
}

TEST(PacketDecode, ARunLengthOfNothingIsAnError) { expect_error(decode(raw_packet("* ")), "run length"); }
TEST(PacketDecode, ARunLengthWithoutItsCountIsAnError) { expect_error(decode(raw_packet("a*")), "run length"); }
TEST(PacketDecode, ARunLengthBelowTheLeastIsAnError) { expect_error(decode(raw_packet("a*\x1f")), "run length"); }
TEST(PacketDecode, ARunLengthThatIsNoCharacterIsAnError) { expect_error(decode(raw_packet("a*\xff")), "run length"); }
TEST(PacketDecode, AnEscapeOfNothingIsAnError) { expect_error(decode(raw_packet("a}")), "escape"); }

TEST(PacketDecode, AWrongChecksumIsAnError) {
    expect_error(decode("$OK#9b"), "checksum");
    expect_error(decode("$OK#8a"), "checksum");
    expect_error(decode("$OK#zz"), "checksum");
    expect_error(decode("$OK#9 "), "checksum");
}

TEST(PacketDecode, ABrokenPacketIsDroppedAndTheNextOneComes) {
    PacketDecoder decoder;
    decoder.feed("$OK#00$E01#a6");
    expect_error(decoder.next(), "checksum");
    expect_payload(decoder.next(), "E01");
}

TEST(PacketDecode, CutOffAnywhereIsIncompleteNotWrong) {
    const std::string whole = encode_packet("T05thread:p01.02;" + every_byte());
    for (std::size_t cut = 0; cut < whole.size(); cut++) {
        PacketDecoder decoder;
        decoder.feed(std::string_view(whole).substr(0, cut));
        const auto part = decoder.next();
        ASSERT_TRUE(part) << "cut at " << cut << ": " << part.error().message;
        ASSERT_FALSE(*part) << "cut at " << cut;
        decoder.feed(std::string_view(whole).substr(cut));
        expect_payload(decoder.next(), "T05thread:p01.02;" + every_byte());
    }
}

TEST(PacketDecode, OneByteAtATime) {
    PacketDecoder decoder;
    const std::string whole = "+" + encode_packet("m0,8") + encode_packet("0* ");
    std::vector<std::string> packets;
    for (const char c : whole) {
        decoder.feed({&c, 1});
        const auto packet = decoder.next();
        ASSERT_TRUE(packet);
        if (*packet) packets.push_back(**packet);
    }
    EXPECT_EQ(packets, (std::vector<std::string>{"m0,8", "0* "}));
}

TEST(PacketDecode, APacketOfTheLimitIsTaken) {
    expect_payload(decode(raw_packet(std::string(64, 'x')), 64), std::string(64, 'x'));
}

TEST(PacketDecode, AWholePacketOverTheLimitIsAnError) {
    expect_error(decode(raw_packet(std::string(65, 'x')), 64), "larger");
}

TEST(PacketDecode, APacketWithoutAnEndIsAnErrorAndDoesNotGrow) {
    PacketDecoder decoder(64);
    decoder.feed("$" + std::string(200, 'x'));
    expect_error(decoder.next(), "larger");
    decoder.feed("rest of it#00" + raw_packet("OK"));
    expect_payload(decoder.next(), "OK");
}

TEST(PacketDecode, ASmallPacketThatExpandsOverTheLimitIsAnError) {
    expect_error(decode(raw_packet("a*~*~*~*~"), 100), "larger");
}

TEST(Hex, ThereAndBack) {
    EXPECT_EQ(to_hex("\x00\x0f\xff"s), "000fff");
    EXPECT_EQ(from_hex("000fFF"), "\x00\x0f\xff"s);
    EXPECT_EQ(from_hex(""), "");
    EXPECT_EQ(from_hex(to_hex(every_byte())), every_byte());
}

TEST(Hex, WhatIsNoHexIsNothing) {
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
    EXPECT_FALSE(from_hex("g0"));
    EXPECT_FALSE(from_hex("E14"));
    EXPECT_FALSE(from_hex("xx"));
}

TEST(Hex, Numbers) {
    EXPECT_EQ(parse_hex("ffffffff81000000"), 0xffffffff81000000u);
    EXPECT_EQ(parse_hex("0"), 0u);
    for (const auto* text : {"", "0x10", "-1", "12 ", " 12", "g", "10000000000000000"})
        EXPECT_FALSE(parse_hex(text)) << text;
}

}  // namespace
}  // namespace memrig
