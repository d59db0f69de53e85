// Notices of a kernel that tells nodes of their own memory (node_notify(), v6.17).
#include "notifiers_fixture.h"

namespace memrig {
namespace {

class NodeNotifierTest : public NotifierTest {
protected:
    static constexpr std::uint64_t kAdding = 1, kAdded = 2, kCancelAdding = 4;
    static constexpr std::uint64_t kRemoving = 8, kRemoved = 16, kCancelRemoving = 32;
    static constexpr std::uint64_t kNodeArgument = 0xffffc90000012c00;

    void SetUp() override {
        kernel.add_function("node_notify");
        NotifierTest::SetUp();
    }
    // node_notify(action, struct node_notify *)
    void node_notices(std::uint64_t task, const std::vector<std::uint64_t>& actions, std::uint32_t node = 1) {
        for (const auto action : actions) {
            kernel.run();
            kernel.probe.poke_u64(kNodeArgument, 0xaaaaaaaa00000000 | node);
            kernel.probe.poke_u64(FakeKernel::sp(task), kernel.at("somebody", 0x41));
            kernel.probe.will_stop(1, kernel.at("node_notify"),
                                   {{"rsp", FakeKernel::sp(task)}, {"rdi", action}, {"rsi", kNodeArgument}});
        }
    }
};

// The words behind start_pfn and nr_pages are whatever the stack holds.
TEST_F(NodeNotifierTest, WhatIsNotInTheNoticeIsNotCompared) {
    make(on_node_one(8));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages, 0xffffffffffffffff, 5, 6, 7});
    tells(kOnliner, 0, {40 * kPages, kPages, 0xffff888001234567, 8, 9, 10});
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(checks_of(watch->checks(), "N2"), 2u);
    tells(kOnliner, 3, {40 * kPages, kPages, 0, 5, 6, 7});
    tells(kOnliner, 0, {40 * kPages + 1, kPages, 0, 5, 6, 7});
    ASSERT_EQ(reproaches().size(), 1u);
    EXPECT_TRUE(reproaches()[0].starts_with("N2 with MEM_ONLINE of memory40, but not of its")) << reproaches()[0];
}

TEST_F(NodeNotifierTest, WhatIsAnnouncedAndDoneIsSilent) {
    make(on_node_one(0));
    about_block(kOnliner, "memory_subsys_online", 40);
    node_notices(kOnliner, {kAdding});
    tells(kOnliner, 3, {40 * kPages, kPages});
    node_notices(kOnliner, {kAdded});
    tells(kOnliner, 0, {40 * kPages, kPages});
    about_block(kOnliner, "memory_subsys_offline", 40);
    node_notices(kOnliner, {kRemoving});
    tells(kOnliner, 1, {40 * kPages, kPages});
    node_notices(kOnliner, {kRemoved});
    tells(kOnliner, 2, {40 * kPages, kPages});
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(checks_of(watch->checks(), "N4"), 6u);
}

TEST_F(NodeNotifierTest, AfterANodesVetoTheBlockIsCancelledThoughItWasNotAnnounced) {
    node_notices(kOnliner, {kAdding});
    answers(kOnliner, kNotifyBad);
    notices(kThird, {3, 0});
    notices(kOnliner, {4});
    node_notices(kOnliner, {kCancelAdding});
    notices(kThird, {1, 2});
    node_notices(kOnliner, {kRemoving});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {5});
    node_notices(kOnliner, {kCancelRemoving});
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(), Reproaches{});
}

TEST_F(NodeNotifierTest, ANodesVetoExcusesOneCancellationOfItsOwnKind) {
    notices(kThird, {3, 0});
    node_notices(kOnliner, {kAdding});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {4, 4});
    node_notices(kOnliner, {kCancelAdding});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_CANCEL_ONLINE, but without a MEM_GOING_ONLINE before"});
}

TEST_F(NodeNotifierTest, ANodesVetoExcusesNoOtherNotice) {
    notices(kThird, {3, 0});
    node_notices(kOnliner, {kAdding});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {5});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_CANCEL_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

TEST_F(NodeNotifierTest, WithoutANodesVetoNothingIsExcused) {
    notices(kThird, {3, 0});
    node_notices(kOnliner, {kAdding});
    answers(kOnliner, 1);
    notices(kOnliner, {4});
    node_notices(kThird, {kAdding});
    answers(kThird, kNotifyBad);
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_CANCEL_ONLINE, but without a MEM_GOING_ONLINE before"})
        << "another task's veto is not this one's";
}

TEST_F(NodeNotifierTest, WhatANodeVetoedIsNotDone) {
    node_notices(kOnliner, {kAdding});
    answers(kOnliner, kNotifyBad);
    node_notices(kOnliner, {kAdded});
    EXPECT_EQ(reproaches(),
              Reproaches{"N4 with NODE_ADDED_FIRST_MEMORY, though its NODE_ADDING_FIRST_MEMORY was vetoed"});
    ASSERT_EQ(watch->breaches().size(), 1u);
    EXPECT_EQ(watch->breaches()[0].function, "node_notify");
}

TEST_F(NodeNotifierTest, WhatANodeVetoedIsNotAnnouncedForTheBlock) {
    node_notices(kOnliner, {kAdding});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {3});
    EXPECT_EQ(reproaches(), Reproaches{"N4 with MEM_GOING_ONLINE, though its NODE_ADDING_FIRST_MEMORY was vetoed"});
}

TEST_F(NodeNotifierTest, AnOutcomeNeedsItsAnnouncement) {
    node_notices(kOnliner, {kAdding, kAdded, kRemoved});
    EXPECT_EQ(reproaches(),
              Reproaches{"N4 with NODE_REMOVED_LAST_MEMORY, but without a NODE_REMOVING_LAST_MEMORY before"});
}

TEST_F(NodeNotifierTest, NothingIsAnnouncedTwice) {
    node_notices(kOnliner, {kAdding, kAdding});
    EXPECT_EQ(reproaches(), Reproaches{"N4 with NODE_ADDING_FIRST_MEMORY, but has not said yet what became of its "
                                       "NODE_ADDING_FIRST_MEMORY"});
}

TEST_F(NodeNotifierTest, WhatIsAnnouncedHasAnOutcomeByTheEnd) {
    node_notices(kOnliner, {kRemoving});
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(), Reproaches{"N4 with NODE_REMOVING_LAST_MEMORY, and never said what became of it"});
}

TEST_F(NodeNotifierTest, TheOutcomeIsOfTheSameNode) {
    node_notices(kOnliner, {kAdding});
    node_notices(kOnliner, {kAdded}, 2);
    EXPECT_EQ(reproaches(), Reproaches{"N4 with NODE_ADDED_FIRST_MEMORY of node 2, though node 1 was announced"});
}

TEST_F(NodeNotifierTest, TheFirstMemoryOfANodeIsAnnouncedToBe) {
    make(on_node_one(0));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages});
    EXPECT_EQ(reproaches(),
              Reproaches{"N4 with MEM_GOING_ONLINE of memory40, but without a NODE_ADDING_FIRST_MEMORY of "
                         "node 1 (which has 0 pages)"});
}

TEST_F(NodeNotifierTest, OtherMemoryIsNot) {
    make(on_node_one(kPages + 8));
    about_block(kOnliner, "memory_subsys_offline", 40);
    notices(kThird, {3, 0});
    node_notices(kOnliner, {kRemoving});
    tells(kOnliner, 1, {40 * kPages, kPages});
    EXPECT_EQ(reproaches(), Reproaches{"N4 with MEM_GOING_OFFLINE of memory40 after a NODE_REMOVING_LAST_MEMORY of "
                                       "node 1 (which has 32776 pages)"});
}

// A kernel without NUMA has neither the nodes' notices nor, since v6.17, words about nodes in the memory's.
TEST_F(NotifierTest, WhereNothingTellsWhetherTheNodesAreToldTheyAreNotCompared) {
    kernel.remove_function("register_cpu_under_node");
    make(on_node_one(0));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages, 0xffffffffffffffff, 5, 6, 7});
    tells(kOnliner, 0, {40 * kPages, kPages, 0xffff888001234567, 8, 9, 10});
    EXPECT_EQ(reproaches(), Reproaches{});
}

}  // namespace
}  // namespace memrig
