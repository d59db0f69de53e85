// Histories of locks from made-up events of the observer.
#include "observed_locks_fixture.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ObservedLocksTest, AMutexIsTakenAndReleased) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedA, kUnlock, 0);
    store(kObservedB, kLock, kObservedB);
    EXPECT_THAT(acts(), ElementsAre("A takes", "A releases", "B takes"));
    store(kObservedB, kUnlock, 0);
    EXPECT_THAT(acts(), ElementsAre("B releases"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, ATrylockIsRefused) {
    store(kObservedA, kLock, kObservedA);
    enter(kObservedB, kTry);
    load(kObservedB, kTry, kObservedA);
    EXPECT_THAT(acts(), ElementsAre("A takes"));
    leave(kObservedB, kTry);
    EXPECT_THAT(acts(), ElementsAre("B is refused"));
    store(kObservedA, kUnlock, 0);
    enter(kObservedB, kTry);
    load(kObservedB, kTry, 0);
    store(kObservedB, kTry, kObservedB);
    leave(kObservedB, kTry);
    EXPECT_THAT(acts(), ElementsAre("A releases", "B takes"));
}

// The kernel saw another owner, which had gone when the observer looked; or no owner, and it was too late.
TEST_F(ObservedLocksTest, ATrylockIsRefusedWhateverTheObserverSeesLater) {
    store(kObservedA, kLock, kObservedA);
    enter(kObservedB, kTry);
    load(kObservedB, kTry, 0);
    leave(kObservedB, kTry);
    enter(kObservedB, kTry);
    load(kObservedB, kTry, kObservedA);
    store(kObservedB, kTry, 0);
    leave(kObservedB, kTry);
    EXPECT_THAT(acts(), ElementsAre("A takes", "B is refused", "B is refused"));
}

TEST_F(ObservedLocksTest, ATrylockThatFindsAnotherOwnerFirstMayStillTake) {
    enter(kObservedB, kTry);
    load(kObservedB, kTry, kObservedA);  // A had it for a moment after the kernel's own look
    store(kObservedB, kTry, kObservedB);
    leave(kObservedB, kTry);
    EXPECT_THAT(acts(), ElementsAre("B takes"));
}

TEST_F(ObservedLocksTest, ATrylockOfAnotherLockSaysNothing) {
    enter(kObservedB, kTry);
    leave(kObservedB, kTry);
    leave(kObservedB, kTry);
    EXPECT_THAT(acts(), IsEmpty());
}

TEST_F(ObservedLocksTest, ATaskWaitsOnce) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedA);
    load(kObservedB, kLock, kObservedA);
    store(kObservedB, kLock, kObservedA | kWaitersFlag);
    store(kObservedA, kUnlock, kObservedA | kWaitersFlag);
    store(kObservedA, kUnlock, kWaitersFlag);
    load(kObservedB, kLock, kWaitersFlag);
    store(kObservedB, kLock, kObservedB | kWaitersFlag);
    store(kObservedB, kLock, kObservedB);
    store(kObservedB, kUnlock, 0);
    store(kObservedB, kLock, kObservedA);
    EXPECT_THAT(acts(), ElementsAre("A takes", "B wants", "A releases", "B takes", "B releases", "B wants"));
}

TEST_F(ObservedLocksTest, ATaskThatFindsNoOwnerDoesNotWait) {
    load(kObservedB, kLock, 0);
    store(kObservedB, kLock, kObservedB);
    EXPECT_THAT(acts(), ElementsAre("B takes"));
}

TEST_F(ObservedLocksTest, AMutexIsHandedOver) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedA | kWaitersFlag);
    store(kObservedA, kUnlock, kObservedB | kPickupFlag | kWaitersFlag);
    load(kObservedB, kLock, kObservedB | kPickupFlag | kWaitersFlag);
    EXPECT_THAT(acts(), ElementsAre("A takes", "B wants", "A releases"));
    store(kObservedB, kLock, kObservedB | kWaitersFlag);
    EXPECT_THAT(acts(), ElementsAre("B takes"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, TheOwnerAtTheBeginningIsKnown) {
    const auto other = locks.add_mutex(7, kObservedA | kWaitersFlag);
    store(kObservedA, kUnlock, 0, 7);
    store(kObservedB, kLock, kObservedB, 7);
    EXPECT_THAT(acts(), ElementsAre(fmt::format("A releases {}", other), fmt::format("B takes {}", other)));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, AnUnlockBySomebodyElseIsNoRelease) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kUnlock, kObservedA);
    EXPECT_THAT(acts(), ElementsAre("A takes"));
}

// The host held up A's vCPU between its store and the observer's look at it.
TEST_F(ObservedLocksTest, AReleaseThatIsToldLateComesFirst) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedB);
    store(kObservedB, kUnlock, 0);
    load(kObservedA, kUnlock, 0);
    store(kObservedA, kUnlock, kObservedB);
    store(kObservedC, kLock, kObservedC);
    EXPECT_THAT(acts(), ElementsAre("A takes", "A releases", "B takes", "B releases", "C takes"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, TwoReleasesThatAreToldLateComeFirst) {
    const auto other = locks.add_mutex(1, 0);
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedB, 1);
    store(kObservedC, kLock, kObservedC);  // behind A's release, which is behind A's take and release of the other
    store(kObservedA, kLock, kObservedA, 1);
    store(kObservedB, kUnlock, 0, 1);
    store(kObservedA, kUnlock, 0, 1);
    store(kObservedA, kUnlock, kObservedC);
    EXPECT_THAT(acts(), ElementsAre("A takes", fmt::format("B takes {}", other), fmt::format("B releases {}", other),
                                    fmt::format("A takes {}", other), fmt::format("A releases {}", other), "A releases",
                                    "C takes"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, WhileTheGuestRunsALateReleaseIsAwaited) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedB);
    EXPECT_THAT(acts(false), ElementsAre("A takes"));
    store(kObservedA, kUnlock, kObservedB);
    EXPECT_THAT(acts(false), ElementsAre("A releases", "B takes"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, ATakeBesideAnOwnerIsAContradiction) {
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedB);
    EXPECT_THAT(acts(), ElementsAre("A takes", "B takes"));
    EXPECT_THAT(locks.contradictions(), ElementsAre(HasSubstr("event 2: task ffff888000200000 takes a lock that task "
                                                              "ffff888000100000 has not released")));
}

// Each take would have to come behind the other's release: it cannot be, and must not go round for ever.
TEST_F(ObservedLocksTest, ACircleIsAContradiction) {
    const auto other = locks.add_mutex(1, 0);
    store(kObservedA, kLock, kObservedA);
    store(kObservedB, kLock, kObservedB, 1);
    store(kObservedB, kLock, kObservedB);
    store(kObservedA, kLock, kObservedA, 1);
    store(kObservedB, kUnlock, 0, 1);
    store(kObservedA, kUnlock, 0);
    EXPECT_THAT(acts(), testing::Contains(fmt::format("A takes {}", other)));
    EXPECT_THAT(locks.contradictions(), testing::Not(IsEmpty()));
}

TEST_F(ObservedLocksTest, ATaskThatIsNotKnownIsAContradiction) {
    store(0, kLock, kObservedA);
    EXPECT_THAT(acts(), IsEmpty());
    EXPECT_THAT(locks.contradictions(), ElementsAre(HasSubstr("is not known")));
}

TEST_F(ObservedLocksTest, AnRwsemIsTakenByAWriter) {
    const auto rwsem = locks.add_rwsem(locks::mem_hotplug, 5);
    enter(kObservedA, kDown);
    load(kObservedA, kSync, 0, 5);
    EXPECT_THAT(acts(), ElementsAre(fmt::format("A wants {}", rwsem)));
    store(kObservedA, kDown, 1, 5);
    leave(kObservedA, kDown);
    EXPECT_THAT(acts(), ElementsAre(fmt::format("A takes {}", rwsem)));
    enter(kObservedA, kUp);
    store(kObservedA, kUp, 0, 5);
    load(kObservedA, kUp, 0, 5);
    enter(kObservedA, kUp);  // of another one
    EXPECT_THAT(acts(), ElementsAre(fmt::format("A releases {}", rwsem)));
    load(kObservedB, kSync, 0, 5);  // rcu_sync_enter() by itself
    enter(kObservedB, kDown);
    leave(kObservedB, kDown);
    EXPECT_THAT(acts(), IsEmpty());
}

TEST_F(ObservedLocksTest, AWritersLateReleaseComesFirst) {
    const auto rwsem = locks.add_rwsem(locks::mem_hotplug, 5);
    enter(kObservedA, kDown);
    store(kObservedA, kDown, 1, 5);
    leave(kObservedA, kDown);
    enter(kObservedB, kDown);
    store(kObservedB, kDown, 1, 5);
    enter(kObservedA, kUp);
    leave(kObservedB, kDown);
    store(kObservedA, kUp, 1, 5);
    const auto line = [&](const char* text) { return fmt::format("{} {}", text, rwsem); };
    EXPECT_THAT(acts(),
                ElementsAre(line("A wants"), line("A takes"), line("B wants"), line("A releases"), line("B takes")));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(ObservedLocksTest, AnRwsemIsTakenByReaders) {
    const auto rwsem = locks.add_rwsem(locks::cpu_hotplug, {});
    enter(kObservedA, kRead);
    enter(kObservedB, kRead);
    leave(kObservedB, kRead);
    leave(kObservedA, kRead);
    enter(kObservedA, kUnread);
    const auto line = [&](const char* text) { return fmt::format("{} shared {}", text, rwsem); };
    EXPECT_THAT(acts(),
                ElementsAre(line("A wants"), line("B wants"), line("B takes"), line("A takes"), line("A releases")));
}

TEST_F(ObservedLocksTest, ASpanThatIsNoLockIsLeftAlone) {
    store(kObservedA, kLock, kObservedA, 3);
    EXPECT_THAT(acts(), IsEmpty());
}

// --- callers

TEST_F(ObservedLocksTest, AnActTellsWhereItsTaskCameFrom) {
    called = kLock, called_from = 0x105;
    store(kObservedA, kLock, kObservedA);
    called = kUnlock, called_from = 0x205;
    store(kObservedA, kUnlock, 0);
    called_from = 0;
    store(kObservedB, kLock, kObservedB);
    const auto told = locks.follow(std::exchange(events, {}), true);
    ASSERT_EQ(told.size(), 3u);
    EXPECT_EQ(told[0].from, 0x105u);
    EXPECT_EQ(told[1].from, 0x205u);
    EXPECT_EQ(told[2].from, 0u);
}

// A task that slept may wake up on another vCPU, where its call is not known.
TEST_F(ObservedLocksTest, AWaitKeepsWhereItsTaskCameFrom) {
    store(kObservedA, kLock, kObservedA);
    called = kLock, called_from = 0x105;
    load(kObservedB, kLock, kObservedA);
    called_from = 0;
    store(kObservedA, kUnlock, 0);
    store(kObservedB, kLock, kObservedB);
    const auto told = locks.follow(std::exchange(events, {}), true);
    ASSERT_EQ(told.size(), 4u);
    EXPECT_EQ(told[1].action, LockAction::wants);
    EXPECT_EQ(told[1].from, 0x105u);
    EXPECT_EQ(told[3].action, LockAction::takes);
    EXPECT_EQ(told[3].from, 0x105u);
}

TEST_F(ObservedLocksTest, ACallOfAnotherFunctionIsTold) {
    arguments = OBSERVER_ARGUMENTS;
    enter(kObservedA, kOther);
    const auto told = locks.follow(std::exchange(events, {}), true);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].passed, std::uint32_t{kOther});
    EXPECT_EQ(told[0].task, kObservedA);
    EXPECT_FALSE(told[0].left);
}

}  // namespace
}  // namespace memrig
