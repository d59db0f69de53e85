// A dax device: which blocks its memory will be.
#include <gtest/gtest.h>

#include "guest/fake_guest_link.h"
#include "hotplug/dax.h"

namespace memrig {
namespace {

constexpr std::uint64_t kBlock = 128ull << 20;

class DaxTest : public ::testing::Test {
protected:
    Result<BlockRange> find(const std::string& resource, const std::string& size) {
        agent.files["/sys/bus/dax/devices/dax0.0/resource"] = resource;
        agent.files["/sys/bus/dax/devices/dax0.0/size"] = size;
        return find_dax(agent, kBlock, Deadline::after(std::chrono::seconds(1)));
    }
    FakeGuestLink agent;
};

TEST_F(DaxTest, TheBlocksFollowFromWhereItIs) {
    const auto blocks = find("0x20000000\n", "268435456\n");
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->first, 4u);
    EXPECT_EQ(blocks->last, 5u);
}

TEST_F(DaxTest, PartsOfABlockAreTheUsersInput) {
    EXPECT_EQ(find("0x20200000\n", "268435456\n").error().fault, Fault::user_input);
    EXPECT_EQ(find("0x20000000\n", "2097152\n").error().fault, Fault::user_input);
    EXPECT_EQ(find("0x20000000\n", "0\n").error().fault, Fault::user_input);
}

TEST_F(DaxTest, WhatIsNoNumberIsTheGuestsFault) {
    EXPECT_EQ(find("none\n", "268435456\n").error().fault, Fault::guest);
    EXPECT_EQ(find("0x\n", "268435456\n").error().fault, Fault::guest);
}

TEST_F(DaxTest, AGuestWithoutOneIsTheGuestsFault) {
    EXPECT_FALSE(find_dax(agent, kBlock, Deadline::after(std::chrono::seconds(1))));
}

}  // namespace
}  // namespace memrig
