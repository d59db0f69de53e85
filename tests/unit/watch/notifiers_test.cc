// Notices of memory blocks: what has to come before what.
#include "notifiers_fixture.h"

namespace memrig {
namespace {

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
