// The memory of a dax device and of memtrace: which blocks it will be.
#include <gtest/gtest.h>

#include "guest/fake_guest_link.h"
#include "hotplug/own_memory.h"

namespace memrig {
namespace {

constexpr std::uint64_t kOwnMemoryBlock = 128ull << 20;

class OwnMemoryTest : public ::testing::Test {
protected:
    Result<BlockRange> find(const std::string& resource, const std::string& size) {
        agent.files["/sys/bus/dax/devices/dax0.0/resource"] = resource;
        agent.files["/sys/bus/dax/devices/dax0.0/size"] = size;
        return find_own_memory(agent, kDax, kOwnMemoryBlock, Deadline::after(std::chrono::seconds(1)));
    }
    FakeGuestLink agent;
};

TEST_F(OwnMemoryTest, TheBlocksFollowFromWhereItIs) {
    const auto blocks = find("0x20000000\n", "268435456\n");
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->first, 4u);
    EXPECT_EQ(blocks->last, 5u);
}

TEST_F(OwnMemoryTest, PartsOfABlockAreTheUsersInput) {
    EXPECT_EQ(find("0x20200000\n", "268435456\n").error().fault, Fault::user_input);
    EXPECT_EQ(find("0x20000000\n", "2097152\n").error().fault, Fault::user_input);
    EXPECT_EQ(find("0x20000000\n", "0\n").error().fault, Fault::user_input);
}

TEST_F(OwnMemoryTest, WhatIsNoNumberIsTheGuestsFault) {
    EXPECT_EQ(find("none\n", "268435456\n").error().fault, Fault::guest);
    EXPECT_EQ(find("0x\n", "268435456\n").error().fault, Fault::guest);
}

TEST_F(OwnMemoryTest, MemtraceSaysWhatItHasTaken) {
    agent.files["/sys/kernel/debug/powerpc/memtrace/00000000/start"] = "0x0000000060000000\n";
    agent.files["/sys/kernel/debug/powerpc/memtrace/00000000/size"] = "0x0000000010000000\n";
    const auto blocks =
        find_own_memory(agent, kMemtrace, 2 * kOwnMemoryBlock, Deadline::after(std::chrono::seconds(1)));
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->first, 6u);
    EXPECT_EQ(blocks->last, 6u);
}

TEST_F(OwnMemoryTest, AGuestWithoutOneIsTheGuestsFault) {
    EXPECT_FALSE(find_own_memory(agent, kDax, kOwnMemoryBlock, Deadline::after(std::chrono::seconds(1))));
}

}  // namespace
}  // namespace memrig
