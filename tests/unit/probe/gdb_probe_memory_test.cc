// What GdbProbe reads of a guest's memory, and writes to it.
#include "gdb_probe_fixture.h"

namespace memrig {
namespace {

using namespace std::string_literals;

TEST_F(GdbProbeTest, MemoryIsReadInPartsThatFitThePacket) {
    const std::string all(4500, 'm');
    stub.expect_handshake();
    stub.expect("Hgp01.03", "OK");
    stub.expect("mffffffff81000000,7d0", to_hex(all.substr(0, 2000)));
    stub.expect("mffffffff810007d0,7d0", to_hex(all.substr(0, 2000)));
    stub.expect("mffffffff81000fa0,1f4", to_hex(all.substr(0, 500)));
    connect();
    const auto bytes = probe->read_memory(2, 0xffffffff81000000, 4500);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(*bytes, all);
}

TEST_F(GdbProbeTest, U64IsLittleEndian) {
    stub.expect_handshake();
    stub.expect("Hgp01.01", "OK");
    stub.expect("m1000,8", "efcdab8967452301");
    connect();
    EXPECT_EQ(probe->read_u64(0, 0x1000), 0x0123456789abcdefu);
}

TEST_F(GdbProbeTest, MemoryThatIsNotThereIsTheGuestsFaultAndTheProbeGoesOn) {
    stub.expect_handshake();
    stub.expect("Hgp01.01", "OK");
    stub.expect("m1000,8", "E14");
    stub.expect("m2000,8", "0011");  // fewer than asked for
    stub.expect("m3000,2", "0011");
    connect();
    for (const auto address : {0x1000, 0x2000}) {
        const auto bytes = probe->read_memory(0, static_cast<std::uint64_t>(address), 8);
        ASSERT_FALSE(bytes);
        EXPECT_EQ(bytes.error().fault, Fault::guest);
    }
    EXPECT_EQ(probe->read_memory(0, 0x3000, 2), "\x00\x11"s);
}

TEST_F(GdbProbeTest, WordsAreReadInOneTrip) {
    stub.expect_handshake();
    stub.expect_silently("Hgp01.01");
    stub.expect_silently("m1000,8");
    const auto ok = ScriptedStub::packet("OK"), one = ScriptedStub::packet("0100000000000000"),
               two = ScriptedStub::packet("0200000000000000");
    stub.expect_raw("m2000,8", ok + one + two);
    connect();
    EXPECT_EQ(probe->read_words(0, {0x1000, 0x2000}), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(probe->read_words(0, {}), std::vector<std::uint64_t>{});
}

TEST_F(GdbProbeTest, AWordThatIsNotThereDoesNotShiftTheAnswersThatFollow) {
    stub.expect_handshake();
    stub.expect_silently("Hgp01.01");
    stub.expect_silently("m1000,8");
    stub.expect_raw(
        "m2000,8", ScriptedStub::packet("OK") + ScriptedStub::packet("E14") + ScriptedStub::packet("0200000000000000"));
    stub.expect("m3000,8", "0300000000000000");
    connect();
    const auto words = probe->read_words(0, {0x1000, 0x2000});
    ASSERT_FALSE(words);
    EXPECT_EQ(words.error().fault, Fault::guest);
    EXPECT_EQ(probe->read_u64(0, 0x3000), 3u);
}

// A POWER vCPU in user mode sees no kernel memory.
TEST_F(GdbProbeTest, KernelMemoryOfTheLinearMapIsReadByItsPhysicalAddress) {
    stub.expect_handshake(3, kPpcTargetXml, kPpcCoreXml);
    stub.expect("Hgp01.01", "OK");
    stub.expect("mc000000000001000,8", "E14");
    stub.expect("Qqemu.PhyMemMode:1", "OK");
    stub.expect("m1000,8", "efcdab8967452301");
    stub.expect("Qqemu.PhyMemMode:0", "OK");
    stub.expect("mc000000000001000,8", "0100000000000000");  // in kernel mode
    connect();
    EXPECT_EQ(probe->read_u64(0, 0xc000000000001000), 0x0123456789abcdefu);
    EXPECT_EQ(probe->read_u64(0, 0xc000000000001000), 1u);
}

TEST_F(GdbProbeTest, OfWordsWithOneThatIsNotSeenEachIsReadAgain) {
    stub.expect_handshake(3, kPpcTargetXml, kPpcCoreXml);
    stub.expect("Hgp01.01", "OK");
    stub.expect("mc000000000001000,8", "E14");
    stub.expect("mc000000000001000,8", "E14");
    stub.expect("Qqemu.PhyMemMode:1", "OK");
    stub.expect("m1000,8", "0200000000000000");
    stub.expect("Qqemu.PhyMemMode:0", "OK");
    connect();
    EXPECT_EQ(probe->read_words(0, {0xc000000000001000}), std::vector<std::uint64_t>{2});
}

// An arm64 vCPU in user mode sees none, either.
TEST_F(GdbProbeTest, KernelMemoryThatAVcpuDoesNotSeeIsReadByWayOfTheOthers) {
    stub.expect_handshake();
    stub.expect("Hgp01.02", "OK");
    stub.expect("mffff800008001000,4", "E14");
    stub.expect("Hgp01.01", "OK");
    stub.expect("mffff800008001000,4", "E14");
    stub.expect("Hgp01.03", "OK");
    stub.expect("mffff800008001000,4", "01020304");
    connect();
    EXPECT_EQ(probe->read_memory(1, 0xffff800008001000, 4), "\x01\x02\x03\x04"s);
}

// Another vCPU's user memory is another process's.
TEST_F(GdbProbeTest, UserMemoryIsReadByWayOfNoOtherVcpu) {
    stub.expect_handshake();
    stub.expect("Hgp01.02", "OK");
    stub.expect("m400000,4", "E14");
    connect();
    EXPECT_FALSE(probe->read_memory(1, 0x400000, 4));
}

TEST_F(GdbProbeTest, WhatNoPhysicalMemoryHasAndWhatIsNotInTheLinearMapIsNotThere) {
    stub.expect_handshake(3, kPpcTargetXml, kPpcCoreXml);
    stub.expect("Hgp01.01", "OK");
    stub.expect("mc000000000001000,8", "E14");
    stub.expect("Qqemu.PhyMemMode:1", "OK");
    stub.expect("m1000,8", "E14");
    stub.expect("Qqemu.PhyMemMode:0", "OK");
    stub.expect("mc008000000001000,8", "E14");  // what the kernel maps page by page
    stub.expect("Hgp01.02", "OK");
    stub.expect("mc008000000001000,8", "E14");
    stub.expect("Hgp01.03", "OK");
    stub.expect("mc008000000001000,8", "E14");
    connect();
    for (const std::uint64_t address : {0xc000000000001000u, 0xc008000000001000u}) {
        const auto word = probe->read_u64(0, address);
        ASSERT_FALSE(word);
        EXPECT_EQ(word.error().fault, Fault::guest);
    }
}

TEST_F(GdbProbeTest, MoreThanAMebibyteIsRefused) {
    stub.expect_handshake();
    connect();
    EXPECT_FALSE(probe->read_memory(0, 0, (1u << 20) + 1));
}

TEST_F(GdbProbeTest, MemoryIsWritten) {
    stub.expect_handshake();
    stub.expect("Hgp01.01", "OK");
    stub.expect("M1000,3:616263", "OK");
    stub.expect("M2000,1:61", "E14");
    connect();
    EXPECT_TRUE(probe->write_memory(0, 0x1000, "abc"));
    const auto refused = probe->write_memory(0, 0x2000, "a");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::guest);
}

}  // namespace
}  // namespace memrig
