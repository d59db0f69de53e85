// The orders of all locks, from made-up calls of the kernel's lock functions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "watch/lock_graph.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum LockCall;

constexpr std::uint64_t kRtnl = 0xffffffff82000000, kPci = 0xffffffff82000020, kHeap = 0xffff888000100000;
constexpr std::uint64_t kAnn = 1, kBob = 2;

class LockGraphTest : public testing::Test {
protected:
    void enter(std::uint64_t task, LockCall call, std::uint64_t lock) {
        graph.follow(SeenLockCall{call, false, task, lock, 0xffffffff81000104, 0});
    }
    void leave(std::uint64_t task, LockCall call, std::uint64_t lock, std::uint64_t answer = 0) {
        graph.follow(SeenLockCall{call, true, task, lock, 0, answer});
    }
    void make(std::uint64_t task, LockCall call, std::uint64_t lock, std::uint64_t answer = 0) {
        enter(task, call, lock);
        leave(task, call, lock, answer);
    }
    // "1: rtnl_mutex > pci_lock"
    std::vector<std::string> edges() {
        std::vector<std::string> lines;
        for (const auto& edge : graph.facts().edges)
            lines.push_back(fmt::format("{}: {}{} > {}{}", edge.task, edge.from, edge.from_shared ? " (read)" : "",
                                        edge.to, edge.to_shared ? " (read)" : ""));
        return lines;
    }

    SymbolTable symbols{{{0xffffffff81000100, 't', "one_user"},
                         {0xffffffff81000200, 't', "other_user"},
                         {0xffffffff81000300, 'T', "mutex_init_generic"},
                         {0xffffffff81000400, 'T', "__init_rwsem"},
                         {kRtnl, 'd', "rtnl_mutex"},
                         {kPci, 'd', "pci_lock"},
                         {kPci + 0x20, 'd', "behind"}}};
    LockGraph graph{symbols};
};

TEST_F(LockGraphTest, ATaskThatAsksForALockWithAnotherOneHeldMakesAnEdge) {
    make(kAnn, locks, kRtnl);
    make(kAnn, locks, kPci);
    make(kAnn, unlocks, kPci);
    make(kAnn, unlocks, kRtnl);
    make(kBob, reads, kPci);
    enter(kBob, reads, kRtnl);  // it waits
    EXPECT_THAT(edges(), ElementsAre("1: rtnl_mutex > pci_lock", "2: pci_lock (read) > rtnl_mutex (read)"));
    EXPECT_THAT(graph.facts().strange, IsEmpty());
}

TEST_F(LockGraphTest, ALockThatWasNotTakenIsNotHeld) {
    make(kAnn, may_lock, kRtnl, static_cast<std::uint64_t>(-4));
    make(kAnn, tries, kRtnl, 0);
    make(kAnn, tries_to_read, kRtnl, 0);
    make(kAnn, locks, kPci);
    EXPECT_THAT(edges(), IsEmpty());
}

TEST_F(LockGraphTest, AnAttemptMakesNoEdgeButHoldsTheLock) {
    make(kAnn, locks, kRtnl);
    make(kAnn, tries, kPci, 1);
    EXPECT_THAT(edges(), IsEmpty()) << "an attempt does not wait";
    make(kAnn, unlocks, kRtnl);
    make(kAnn, may_lock, kHeap);
    EXPECT_THAT(edges(), ElementsAre("1: pci_lock > a lock of one_user"));
}

TEST_F(LockGraphTest, AWriterBecomesAReader) {
    make(kAnn, locks, kRtnl);
    make(kAnn, downgrades, kRtnl);
    make(kAnn, locks, kPci);
    EXPECT_THAT(edges(), ElementsAre("1: rtnl_mutex (read) > pci_lock"));
}

TEST_F(LockGraphTest, ANewLockIsNotTheOneThatLayThere) {
    make(kAnn, locks, kHeap);
    make(kAnn, locks, kRtnl);
    make(kAnn, makes, kHeap);
    make(kAnn, locks, kHeap);
    EXPECT_THAT(edges(), ElementsAre("1: a lock of one_user > rtnl_mutex", "1: rtnl_mutex > a lock made in one_user"));
}

TEST(LockGraphOfAnotherKernel, AnObjectsLockMayBeAnotherOneThere) {
    const SymbolTable symbols(
        {{0xffffffff81000100, 't', "one_user"}, {kRtnl, 'd', "rtnl_mutex"}, {kPci, 'd', "pci_lock"}});
    LockGraph graph(symbols);
    for (const auto lock : {kHeap, kRtnl, kPci}) {
        graph.follow(SeenLockCall{locks, false, kAnn, lock, 0xffffffff81000104, 0});
        graph.follow(SeenLockCall{locks, true, kAnn, lock, 0xffffffff81000104, 0});
    }
    ASSERT_EQ(graph.facts().edges.size(), 1u);
    EXPECT_EQ(graph.facts().edges[0].from, "rtnl_mutex");
    EXPECT_THAT(graph.facts().strange, ElementsAre(HasSubstr("made anew")));
}

TEST_F(LockGraphTest, LocksOfOneNameAreNumbered) {
    make(kAnn, locks, kHeap);
    make(kAnn, locks, kHeap + 64);
    EXPECT_THAT(edges(), ElementsAre("1: a lock of one_user > a lock of one_user #2"));
}

TEST_F(LockGraphTest, TheLedgersNameIsUsed) {
    graph.name(kHeap, "memory40's device lock");
    make(kAnn, locks, kHeap);
    make(kAnn, locks, kRtnl + 8);
    EXPECT_THAT(edges(), ElementsAre("1: memory40's device lock > rtnl_mutex+0x8"));
}

// Some release was not seen.
TEST_F(LockGraphTest, ALockOfTwoTasksMakesNoEdge) {
    make(kAnn, locks, kRtnl);
    make(kAnn, locks, kPci);
    make(kBob, locks, kRtnl);
    EXPECT_THAT(edges(), IsEmpty());
    EXPECT_THAT(graph.facts().strange, ElementsAre("rtnl_mutex: two tasks had it"));
}

TEST_F(LockGraphTest, ReadersHaveItTogether) {
    make(kAnn, reads, kRtnl);
    make(kBob, reads, kRtnl);
    make(kBob, locks, kPci);
    EXPECT_THAT(edges(), ElementsAre("2: rtnl_mutex (read) > pci_lock"));
    make(kBob, unlocks, kPci);
    make(kBob, unreads, kRtnl);
    make(kAnn, unreads, kRtnl);
    make(kBob, locks, kRtnl);
    EXPECT_THAT(graph.facts().strange, IsEmpty());
}

TEST_F(LockGraphTest, ALockThatATaskTakesAgainMakesNoEdge) {
    make(kAnn, locks, kRtnl);
    make(kAnn, locks, kRtnl);
    make(kAnn, locks, kPci);
    EXPECT_THAT(edges(), IsEmpty());
    EXPECT_THAT(graph.facts().strange, ElementsAre(HasSubstr("again")));
}

TEST_F(LockGraphTest, ALockThatAnotherTaskReleasesMakesNoEdge) {
    make(kAnn, locks, kRtnl);
    make(kAnn, locks, kPci);
    make(kBob, unlocks, kRtnl);
    EXPECT_THAT(edges(), IsEmpty());
    EXPECT_THAT(graph.facts().strange, ElementsAre("rtnl_mutex: another task released it"));
}

TEST_F(LockGraphTest, ALockThatWasTakenBeforeTheBeginningMayBeReleased) {
    make(kAnn, unlocks, kRtnl);
    make(kBob, locks, kRtnl);
    EXPECT_THAT(graph.facts().strange, IsEmpty());
}

TEST_F(LockGraphTest, PerCpuRwsemsComeFromTheLedger) {
    LockEvent event;
    event.task = kAnn;
    event.lock = "mem_hotplug_lock";
    event.action = LockAction::takes;
    graph.follow(event);
    make(kAnn, locks, kRtnl);
    event.action = LockAction::releases;
    graph.follow(event);
    make(kAnn, locks, kPci);
    EXPECT_THAT(edges(), ElementsAre("1: mem_hotplug_lock > rtnl_mutex", "1: rtnl_mutex > pci_lock"));
}

}  // namespace
}  // namespace memrig
