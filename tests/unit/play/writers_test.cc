// Which blocks a thread writes to.
#include <gtest/gtest.h>

#include "play/writers.h"

namespace memrig {
namespace {

// "32 to 33", or the error.
std::string blocks_text(const Actor& thread, const PluggedBlocks& plugged) {
    const auto blocks = blocks_for(thread, plugged);
    if (!blocks) return blocks.error().message;
    return fmt::format("{} to {}", blocks->first, blocks->last);
}

class BlocksForTest : public ::testing::Test {
protected:
    BlocksForTest() { thread.name = "onliner"; }
    Actor thread;
};

TEST_F(BlocksForTest, AreThoseOfAllDevicesSideBySide) {
    EXPECT_EQ(blocks_text(thread, {{"p", {32, 33}}}), "32 to 33");
    EXPECT_EQ(blocks_text(thread, {{"p", {32, 33}}, {"q", {34, 34}}}), "32 to 34");
    EXPECT_EQ(blocks_text(thread, {{"p", {34, 35}}, {"q", {32, 33}}}), "32 to 35");
    EXPECT_EQ(blocks_text(thread, {{"p", {34, 34}}, {"q", {32, 32}}, {"r", {33, 33}}}), "32 to 34");
    EXPECT_EQ(blocks_text(thread, {{"p", {32, 33}}, {"q", {35, 35}}}),
              "onliner cannot write to the blocks of two devices with others between them");
}

TEST_F(BlocksForTest, AreThoseOfTheThreadsOwnDevice) {
    thread.of = "q";
    EXPECT_EQ(blocks_text(thread, {{"p", {32, 33}}, {"q", {35, 35}}}), "35 to 35");
}

TEST_F(BlocksForTest, AreNeededUnlessItWritesToOneFile) {
    EXPECT_EQ(blocks_text(thread, {}), "onliner has no blocks to write to");
    thread.of = "q";
    EXPECT_EQ(blocks_text(thread, {{"p", {32, 33}}}), "onliner has no blocks to write to");
    thread.kind = ActorKind::file_writer;
    EXPECT_TRUE(blocks_for(thread, {}));
}

}  // namespace
}  // namespace memrig
