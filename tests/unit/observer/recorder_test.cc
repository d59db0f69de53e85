// The instructions that the plugin's own code tells apart: those that leave a function, and those that jump.
#include <fmt/format.h>

#include "channel_fixture.h"

namespace memrig {
namespace {

using RecorderTest = ObserverChannelTest;

TEST_F(RecorderTest, AnInstructionThatReturnsIsTold) {
    begin_watching();
    const ObserverFunction* one = recorder_function(&recorder_, kTryCode + 0x20);
    ASSERT_NE(one, nullptr);
    EXPECT_EQ(recorder_index(&recorder_, one), kTryFunction);
    EXPECT_EQ(recorder_function(&recorder_, kTryCode - 1), nullptr);
    EXPECT_EQ(recorder_function(&recorder_, kTryCode + 0x40), nullptr);
    EXPECT_EQ(recorder_function(&recorder_, kLockCode - 1), nullptr);
    const auto leaves = [&](std::vector<std::uint8_t> bytes) {
        return recorder_leaves(&recorder_, one, kTryCode, bytes.data(), bytes.size());
    };
    EXPECT_TRUE(leaves({0xc3}));
    EXPECT_TRUE(leaves({0xf3, 0xc3}));
    EXPECT_TRUE(leaves({0xe9, 0x00, 0x10, 0x00, 0x00}));   // to a function that is not in the table
    EXPECT_TRUE(leaves({0xe9, 0xfb, 0xef, 0xff, 0xff}));   // to another function
    EXPECT_FALSE(leaves({0xe9, 0x00, 0x00, 0x00, 0x00}));  // to the next instruction
    EXPECT_FALSE(leaves({0x90}));
    EXPECT_FALSE(leaves({0xe8, 0x00, 0x10, 0x00, 0x00}));  // a call
    EXPECT_FALSE(leaves({}));
    recorder_.table.function[0].group = 2;
    EXPECT_FALSE(leaves({0xe9, 0xfb, 0xef, 0xff, 0xff}));  // to another piece of the same function
    recorder_.table.code = OBSERVER_CODE_AARCH64;
    EXPECT_TRUE(leaves({0xc0, 0x03, 0x5f, 0xd6}));
    EXPECT_FALSE(leaves({0x1f, 0x20, 0x03, 0xd5}));
}

TEST_F(RecorderTest, AnInstructionThatJumpsIsTold) {
    begin_watching();
    const auto jumps = [&](std::vector<std::uint8_t> bytes) {
        return recorder_jumps(&recorder_, bytes.data(), bytes.size());
    };
    for (const std::vector<std::uint8_t>& one : std::vector<std::vector<std::uint8_t>>{{0x75, 0x10},
                                                                                       {0x0f, 0x85, 0, 0, 0, 0},
                                                                                       {0xe8, 0, 0, 0, 0},
                                                                                       {0xe9, 0, 0, 0, 0},
                                                                                       {0xeb, 0},
                                                                                       {0xc3},
                                                                                       {0xf3, 0xc3},
                                                                                       {0xc2, 8, 0},
                                                                                       {0xe3, 0},
                                                                                       {0xff, 0xd0},
                                                                                       {0x3e, 0xff, 0xe0},
                                                                                       {0x41, 0xff, 0xe3},
                                                                                       {0xcb}})
        EXPECT_TRUE(jumps(one)) << fmt::format("{:x}", one[0]);
    for (const std::vector<std::uint8_t>& one :
         std::vector<std::vector<std::uint8_t>>{{0xf0, 0x48, 0x0f, 0xb1, 0x17},  // lock cmpxchg %rdx,(%rdi)
                                                {0x48, 0x8b, 0x07},              // mov (%rdi),%rax
                                                {0x87, 0x43, 0x58},              // xchg %eax,0x58(%rbx)
                                                {0xff, 0x03},                    // incl (%rbx)
                                                {0xff, 0xf0},                    // push %rax
                                                {0x53},
                                                {0x48},
                                                {}})
        EXPECT_FALSE(jumps(one)) << one.size();
    recorder_.table.code = OBSERVER_CODE_AARCH64;
    EXPECT_TRUE(jumps({0xc0, 0x03, 0x5f, 0xd6}));   // ret
    EXPECT_TRUE(jumps({0x40, 0x00, 0x00, 0x54}));   // b.eq
    EXPECT_FALSE(jumps({0x02, 0xfc, 0xe1, 0xc8}));  // casal
    EXPECT_FALSE(jumps({0x00, 0x00, 0x40, 0xf9}));  // ldr
}

}  // namespace
}  // namespace memrig
