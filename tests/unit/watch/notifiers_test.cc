// Notices of memory blocks: what has to come before what.
#include "watch/notifiers.h"
#include "kernel_fixture.h"

namespace memrig {
namespace {

class NotifierTest : public ::testing::Test {
protected:
    using Reproaches = std::vector<std::string>;
    static constexpr std::uint64_t kPages = 32768, kDevice = 0xffff888004000000, kArgument = 0xffffc90000012800;

    void SetUp() override {
        ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        make({});
    }
    void make(NotifierSpec order) {
        watch.reset();
        ASSERT_TRUE(kernel.conductor.unwatch_all());
        watch = *NotifierWatch::make(kernel.conductor, *ledger, kernel.symbols, std::move(order));
    }
    // All blocks are on node 1, which has that many pages before.
    static NotifierSpec on_node_one(std::uint64_t pages) {
        NotifierSpec order;
        order.block_bytes = 128 << 20;
        order.present = {{1, pages}};
        order.block = [](std::uint64_t) { return BlockFacts{1, false}; };
        return order;
    }
    // blocking_notifier_call_chain(`chain`, action, kArgument)
    void will_tell(std::uint64_t task, std::uint64_t action, const std::string& chain = "memory_chain") {
        kernel.probe.poke_u64(FakeKernel::sp(task), kernel.at("somebody", 0x41));
        kernel.probe.will_stop(
            1, kernel.at("blocking_notifier_call_chain"),
            {{"rsp", FakeKernel::sp(task)}, {"rdi", kernel.at(chain)}, {"rsi", action}, {"rdx", kArgument}});
    }
    // The chain answers.
    void answers(std::uint64_t task, std::uint64_t answer) { kernel.will_return(1, task, "somebody", answer); }
    void about_block(std::uint64_t task, const char* function, unsigned block) {
        kernel.run();
        kernel.put_device(kDevice, fmt::format("memory{}", block));
        kernel.will_call(1, task, function, "somebody", kDevice);
        kernel.run();
    }
    void tells(std::uint64_t task, std::uint64_t action, const std::vector<std::uint64_t>& words) {
        for (std::size_t i = 0; i < words.size(); i++) kernel.probe.poke_u64(kArgument + 8 * i, words[i]);
        will_tell(task, action);
        answers(task, 1);
        kernel.run();
    }
    void notices(std::uint64_t task, const std::vector<std::uint64_t>& actions) {
        for (const auto action : actions) will_tell(task, action);
    }
    std::vector<std::string> reproaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : watch->breaches()) list.push_back(breach.rule + " " + breach.reproach);
        return list;
    }

    FakeKernel kernel{{"mutex_lock", "mutex_trylock", "mutex_unlock", "percpu_down_write", "percpu_up_write",
                       "get_online_mems", "put_online_mems", "bus_probe_device", "device_online", "device_offline",
                       "memory_notify", "memory_subsys_online", "memory_subsys_offline", "blocking_notifier_call_chain",
                       "somebody", "register_cpu_under_node"},
                      {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "acpi_scan_lock", "memory_chain",
                       "another_chain"}};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<NotifierWatch> watch;
};

TEST_F(NotifierTest, WhatIsAnnouncedAndDoneIsSilent) {
    notices(kOnliner, {3, 0, 1, 2});
    notices(kOnliner, {3, 4, 1, 5});
    EXPECT_EQ(reproaches(), std::vector<std::string>{});
    EXPECT_EQ(checks_of(watch->checks(), "N1"), 8u);
}

TEST_F(NotifierTest, TasksAreToldApart) {
    notices(kOnliner, {3});
    notices(kThird, {1});
    notices(kOnliner, {0});
    notices(kThird, {2});
    EXPECT_EQ(reproaches(), std::vector<std::string>{});
}

TEST_F(NotifierTest, ACancellationNeedsItsAnnouncement) {
    notices(kOnliner, {3, 0, 5});
    EXPECT_EQ(reproaches(),
              std::vector<std::string>{"N1 with MEM_CANCEL_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

TEST_F(NotifierTest, AnAnnouncementOfTheOtherKindIsNone) {
    notices(kOnliner, {3, 2});
    EXPECT_EQ(reproaches(), std::vector<std::string>{"N1 with MEM_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

TEST_F(NotifierTest, NothingIsAnnouncedTwice) {
    notices(kOnliner, {3, 3});
    EXPECT_EQ(reproaches(), std::vector<std::string>{
                                "N1 with MEM_GOING_ONLINE, but has not said yet what became of its MEM_GOING_ONLINE"});
}

TEST_F(NotifierTest, WhatGoesThroughAnotherChainIsNoNoticeOfMemory) {
    will_tell(kOnliner, 0, "another_chain");
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_TRUE(watch->checks().empty());
}

// --- what comes before, and ends it

TEST_F(NotifierTest, WhatWasPreparedMayBeAnnounced) {
    notices(kOnliner, {6, 3, 0, 1, 2, 7});
    notices(kOnliner, {6, 3, 0, 1, 5, 1, 2, 7});
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(), Reproaches{});
}

TEST_F(NotifierTest, WhatDoesNotComeOnlineIsFinished) {
    notices(kOnliner, {6, 3, 4, 7});
    notices(kOnliner, {6, 7});
    EXPECT_EQ(reproaches(), Reproaches{});
}

TEST_F(NotifierTest, WhatIsOnlineIsNotFinished) {
    notices(kOnliner, {6, 3, 0, 7});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_FINISH_OFFLINE, but without a MEM_OFFLINE, or a MEM_PREPARE_ONLINE "
                                       "that was not vetoed, before"});
}

TEST_F(NotifierTest, NothingIsFinishedBeforeItsOutcome) {
    notices(kOnliner, {6, 3, 7});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_FINISH_OFFLINE, but has not said yet what became of its "
                                       "MEM_GOING_ONLINE"});
}

TEST_F(NotifierTest, AKernelThatPreparesDoesSoEachTime) {
    notices(kOnliner, {6, 3, 0, 1, 2, 7, 3});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_GOING_ONLINE, but without a MEM_PREPARE_ONLINE before"});
}

TEST_F(NotifierTest, WhatWentOfflineIsFinishedBeforeAnythingElse) {
    notices(kOnliner, {6, 3, 0, 1, 2, 6});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_PREPARE_ONLINE, but without a MEM_FINISH_OFFLINE since its "
                                       "MEM_OFFLINE"});
}

TEST_F(NotifierTest, WhatIsPreparedIsEndedByTheEnd) {
    notices(kOnliner, {6, 3, 4});
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(),
              Reproaches{"N1 with MEM_CANCEL_ONLINE, and never with the MEM_FINISH_OFFLINE that ends it"});
}

TEST_F(NotifierTest, WhatIsAnnouncedHasAnOutcomeByTheEnd) {
    notices(kOnliner, {3});
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_GOING_ONLINE, and never said what became of it"});
}

// --- vetoes

TEST_F(NotifierTest, WhatWasVetoedIsCancelled) {
    notices(kOnliner, {3});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {4});
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(watch->vetoes(Notice::going_online), 1u);
    EXPECT_EQ(watch->vetoes(Notice::going_offline), 0u);
}

// notifier_to_errno(): NOTIFY_STOP keeps the members behind from being called, and refuses nothing.
TEST_F(NotifierTest, WhatWasOnlyStoppedWasNotVetoed) {
    notices(kOnliner, {3});
    answers(kOnliner, kNotifyStopMask | 1);
    notices(kOnliner, {0});
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(watch->vetoes(Notice::going_online), 0u);
}

TEST_F(NotifierTest, WhatWasVetoedIsNotDone) {
    notices(kOnliner, {3});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {0});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_ONLINE, though its MEM_GOING_ONLINE was vetoed"});
}

TEST_F(NotifierTest, APreparationThatWasVetoedIsNoPreparation) {
    notices(kOnliner, {6});
    answers(kOnliner, kNotifyBad);
    notices(kOnliner, {3});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_GOING_ONLINE, though its MEM_PREPARE_ONLINE was vetoed"});
}

TEST_F(NotifierTest, APreparationThatWasVetoedNeedsNoEnd) {
    notices(kOnliner, {6});
    answers(kOnliner, kNotifyBad);
    EXPECT_EQ(reproaches(), Reproaches{});
    watch->finish();
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(watch->vetoes(Notice::prepare_online), 1u);
}

TEST_F(NotifierTest, TheRigVetoesWhatItIsAskedTo) {
    NotifierSpec veto;
    veto.veto = Notice::going_offline;
    make(std::move(veto));
    notices(kOnliner, {3});
    answers(kOnliner, 1);
    EXPECT_EQ(reproaches(), Reproaches{});
    ASSERT_TRUE(kernel.conductor.pause());
    EXPECT_EQ(kernel.probe.registers(1)->get("rax"), 1u);
    notices(kOnliner, {0, 1});
    answers(kOnliner, 1);
    EXPECT_EQ(reproaches(), Reproaches{});
    ASSERT_TRUE(kernel.conductor.pause());
    EXPECT_EQ(kernel.probe.registers(1)->get("rax"), kNotifyBad);
    EXPECT_EQ(watch->vetoes(Notice::going_offline), 1u);
}

TEST_F(NotifierTest, TheRigLetsThroughAsManyAsItIsAskedToFirst) {
    NotifierSpec veto;
    veto.veto = Notice::going_online;
    veto.let_through = 1;
    make(std::move(veto));
    for (const std::uint64_t answer : {std::uint64_t{1}, std::uint64_t{kNotifyBad}}) {
        notices(kOnliner, {3});
        answers(kOnliner, 1);
        kernel.run();
        ASSERT_TRUE(kernel.conductor.pause());
        EXPECT_EQ(kernel.probe.registers(1)->get("rax"), answer);
        notices(kOnliner, {answer == 1 ? 0ull : 4ull});
        EXPECT_EQ(reproaches(), Reproaches{});
    }
    EXPECT_EQ(watch->vetoes(Notice::going_online), 1u);
}

// --- what comes with a notice

TEST_F(NotifierTest, WhatComesWithItIsTheBlocks) {
    make(on_node_one(8));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages, 0xffffffffffffffff});
    tells(kOnliner, 0, {40 * kPages, kPages, 0xffffffffffffffff});
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(checks_of(watch->checks(), "N2"), 2u);
}

TEST_F(NotifierTest, TheFirstMemoryOfANodeIsSaidToBe) {
    make(on_node_one(0));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages, 0xffffffffffffffff});
    EXPECT_EQ(reproaches(),
              Reproaches{"N2 with MEM_GOING_ONLINE of memory40: status_change_nid is -1, not 1 (node 1 has 0 pages)"});
}

TEST_F(NotifierTest, TheLastMemoryOfANodeIsSaidToBe) {
    make(on_node_one(0));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages, 0x1ffffffff});
    tells(kOnliner, 0, {40 * kPages, kPages, 0x1ffffffff});
    about_block(kOnliner, "memory_subsys_offline", 40);
    tells(kOnliner, 1, {40 * kPages, kPages, 0xffffffffffffffff});
    EXPECT_EQ(
        reproaches(),
        Reproaches{fmt::format(
            "N2 with MEM_GOING_OFFLINE of memory40: status_change_nid is -1, not 1 (node 1 has {} pages)", kPages)});
}

TEST_F(NotifierTest, AnotherBlocksPagesAreNotThisOnes) {
    make(on_node_one(8));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {41 * kPages, kPages, 0xffffffffffffffff});
    EXPECT_EQ(reproaches(), Reproaches{"N2 with MEM_GOING_ONLINE of memory40, but not of its 32768 pages from pfn "
                                       "0x140000 on: 0x148000, 0x8000, 0xffffffffffffffff, 0x0"});
}

TEST_F(NotifierTest, TheOutcomeIsOfWhatWasAnnounced) {
    make(on_node_one(0));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages, kPages, 0x1ffffffff});
    tells(kOnliner, 0, {40 * kPages, kPages, 0xffffffffffffffff});
    EXPECT_EQ(reproaches(),
              Reproaches{"N2 with MEM_ONLINE of memory40, whose fields are not those that were announced"});
}

TEST_F(NotifierTest, ABlockThatHoldsItsMemmapIsToldOfWithoutItsFirstPages) {
    NotifierSpec order = on_node_one(1000);
    order.block = [](std::uint64_t) { return BlockFacts{1, true}; };
    make(std::move(order));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages + 512, kPages - 512, 0xffffffffffffffff});
    tells(kOnliner, 0, {40 * kPages + 512, kPages - 512, 0xffffffffffffffff});
    EXPECT_EQ(reproaches(), Reproaches{});
}

TEST_F(NotifierTest, WhatIsPreparedAndFinishedIsTheBlocks) {
    make(on_node_one(8));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 6, {40 * kPages, 0, 40 * kPages, kPages, 7, 7});
    tells(kOnliner, 7, {40 * kPages, 0, 40 * kPages, kPages, 8, 8});
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_EQ(checks_of(watch->checks(), "N2"), 2u);
    tells(kOnliner, 6, {40 * kPages, 0, 40 * kPages, kPages - 1, 7, 7});
    ASSERT_EQ(reproaches().size(), 1u);
    EXPECT_TRUE(reproaches()[0].starts_with("N2 with MEM_PREPARE_ONLINE of memory40, but not of its"))
        << reproaches()[0];
}

TEST_F(NotifierTest, NoOtherBlockIs) {
    make(on_node_one(1000));
    about_block(kOnliner, "memory_subsys_online", 40);
    tells(kOnliner, 3, {40 * kPages + 512, kPages - 512, 0xffffffffffffffff});
    ASSERT_EQ(reproaches().size(), 1u);
    EXPECT_TRUE(reproaches()[0].starts_with("N2 with MEM_GOING_ONLINE of memory40, but not of its")) << reproaches()[0];
}

// --- a kernel that tells nodes of their own memory

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

// --- notices that came before they could be read

TEST_F(NotifierTest, ATaskWhoseFirstNoticesCouldNotBeReadIsNotReproachedForThem) {
    notices(kThird, {1});  // before any plain online: MEM_ONLINE, or MEM_GOING_OFFLINE
    notices(kOnliner, {3});
    notices(kThird, {2});
    notices(kOnliner, {0});
    EXPECT_EQ(reproaches(), Reproaches{});
    notices(kThird, {2});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

TEST_F(NotifierTest, ATaskWhoseFirstNoticesWereReadIsReproached) {
    notices(kOnliner, {3});
    notices(kThird, {2});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

// --- a kernel that has symbols for its functions alone

class NotifierWithoutDataTest : public NotifierTest {
protected:
    void SetUp() override {
        std::vector<Symbol> functions;
        for (const auto& symbol : kernel.symbols.list())
            if (symbol.type != 'D') functions.push_back(symbol);
        bare = SymbolTable(std::move(functions));
        ledger = *LockLedger::make(kernel.conductor, bare, MutexWatching::calls);
        watch = *NotifierWatch::make(kernel.conductor, *ledger, bare, {});
    }
    SymbolTable bare;
};

TEST_F(NotifierWithoutDataTest, TheChainIsTheOneThatMemoryNotifyCalls) {
    notices(kOnliner, {6});
    EXPECT_EQ(reproaches(), Reproaches{});
    EXPECT_TRUE(watch->checks().empty()) << "it is not known yet";
    kernel.will_call(1, kOnliner, "memory_notify", "somebody");
    will_tell(kThird, 0, "another_chain");
    notices(kOnliner, {3, 4});
    notices(kThird, {7});
    EXPECT_EQ(reproaches(), Reproaches{}) << "its MEM_PREPARE_ONLINE may have come before";
    notices(kThird, {7});
    EXPECT_EQ(reproaches(), Reproaches{"N1 with MEM_FINISH_OFFLINE, but without a MEM_OFFLINE, or a MEM_PREPARE_ONLINE "
                                       "that was not vetoed, before"});
    EXPECT_EQ(checks_of(watch->checks(), "N1"), 2u);
}

TEST_F(NotifierWithoutDataTest, APreparationThatCameBeforeTheChainWasKnownMayHaveBeen) {
    notices(kThird, {6});
    kernel.will_call(1, kOnliner, "memory_notify", "somebody");
    notices(kOnliner, {3, 0, 1, 2, 7, 6});
    notices(kThird, {3, 0});
    EXPECT_EQ(reproaches(), Reproaches{});
}

TEST_F(NotifierWithoutDataTest, WithoutThatFunctionNothingIsChecked) {
    bare = SymbolTable({{0xffffffff81000100, 't', "blocking_notifier_call_chain"}});
    watch = *NotifierWatch::make(kernel.conductor, *ledger, bare, {});
    Reproaches gaps;
    for (const auto& gap : watch->gaps()) gaps.push_back(gap.text());
    EXPECT_EQ(gaps, (Reproaches{"N1: memory_notify has no symbol", "N2: memory_notify has no symbol",
                                "N3: memory_notify has no symbol"}));
}

}  // namespace
}  // namespace memrig
