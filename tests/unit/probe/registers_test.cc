// Register values.
#include <gtest/gtest.h>

#include "probe/registers.h"

namespace memrig {
namespace {

using namespace std::string_literals;

std::shared_ptr<const RegisterLayout> layout() {
    auto made = std::make_shared<RegisterLayout>();
    made->arch = find_architecture("x86_64");
    made->places = {
        {"rip", {0, 0, 8}}, {"rsp", {1, 8, 8}}, {"eflags", {2, 16, 4}}, {"xmm0", {3, 20, 16}}, {"far", {4, 36, 8}}};
    return made;
}

TEST(Registers, AreLittleEndian) {
    const Registers registers(layout(),
                              "\x08\x07\x06\x05\x04\x03\x02\x01"
                              "\xff\0\0\0\0\0\0\x80"
                              "\x46\x02\0\0"
                              "AAAAAAAABBBBBBBB"s);
    EXPECT_EQ(registers.pc(), 0x0102030405060708u);
    EXPECT_EQ(registers.sp(), 0x80000000000000ffu);
    EXPECT_EQ(registers.get("eflags"), 0x246u);
    EXPECT_EQ(registers.get("xmm0"), 0x4141414141414141u);
}

TEST(Registers, WhatWasNotSentIsNothing) {
    Registers registers(layout(), std::string(36, '\xff'));
    EXPECT_EQ(registers.get("far"), 0u);
    EXPECT_EQ(registers.get("unknown"), 0u);
    registers.set("far", 1);
    registers.set("unknown", 1);
    EXPECT_EQ(registers.get("far"), 0u);
}

TEST(Registers, AreSetInTheirPlaceOnly) {
    Registers registers(layout(), std::string(36, '\0'));
    registers.set("rsp", 0x1122334455667788);
    registers.set("eflags", 0xffffffffffffffff);
    EXPECT_EQ(registers.sp(), 0x1122334455667788u);
    EXPECT_EQ(registers.get("eflags"), 0xffffffffu);
    EXPECT_EQ(registers.pc(), 0u);
    EXPECT_EQ(registers.get("xmm0"), 0u);
}

}  // namespace
}  // namespace memrig
