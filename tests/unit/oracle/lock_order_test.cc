#include "oracle/lock_order.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

LockEvent event(std::uint64_t task, LockAction action, const std::string& lock, bool shared = false) {
    LockEvent made;
    made.task = task;
    made.action = action;
    made.lock = lock;
    made.shared = shared;
    made.where = lock + " caller";
    return made;
}

constexpr std::uint64_t kAdder = 1;
constexpr std::uint64_t kOnliner = 2;

// Takes the locks in order and drops them in reverse.
void nest(std::vector<LockEvent>& events, std::uint64_t task, const std::vector<std::string>& locks) {
    for (const auto& lock : locks) events.push_back(event(task, LockAction::takes, lock));
    for (auto lock = locks.rbegin(); lock != locks.rend(); ++lock)
        events.push_back(event(task, LockAction::releases, *lock));
}

TEST(LockOrder, TheKernelsOwnInversionIsGated) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"device_hotplug_lock", "mem_hotplug_lock", "memory32's device lock"});
    nest(events, kOnliner, {"device_hotplug_lock", "memory32's device lock", "mem_hotplug_lock"});
    const auto found = lock_inversions(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].gates, std::set<std::string>{"device_hotplug_lock"});
    EXPECT_EQ(found[0].one.from, "mem_hotplug_lock");
    EXPECT_EQ(found[0].one.to, "memory32's device lock");
    EXPECT_EQ(found[0].one.task, kAdder);
}

TEST(LockOrder, WithoutTheGateOnOneSideItIsNot) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"mem_hotplug_lock", "memory32's device lock"});
    nest(events, kOnliner, {"device_hotplug_lock", "memory32's device lock", "mem_hotplug_lock"});
    const auto found = lock_inversions(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].gates.empty());
}

TEST(LockOrder, AWishCountsWhereTheLockWasNeverHad) {
    const std::vector<LockEvent> events = {
        event(kAdder, LockAction::takes, "a"), event(kOnliner, LockAction::takes, "b"),
        event(kAdder, LockAction::wants, "b"), event(kOnliner, LockAction::wants, "a")};
    EXPECT_EQ(lock_inversions(events).size(), 1u);
}

TEST(LockOrder, OneTaskAloneCannotInvert) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"a", "b"});
    nest(events, kAdder, {"b", "a"});
    EXPECT_TRUE(lock_inversions(events).empty());
}

TEST(LockOrder, OtherInstancesAreOtherLocks) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"mem_hotplug_lock", "memory32's device lock"});
    nest(events, kOnliner, {"memory33's device lock", "mem_hotplug_lock"});
    EXPECT_TRUE(lock_inversions(events).empty());
}

TEST(LockOrder, AReleasedLockOrdersNothing) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"a"});
    nest(events, kAdder, {"b"});
    nest(events, kOnliner, {"b", "a"});
    EXPECT_TRUE(lock_inversions(events).empty());
}

TEST(LockOrder, ReadersDoNotKeepEachOtherOut) {
    const std::vector<LockEvent> events = {
        event(kAdder, LockAction::takes, "a", true), event(kAdder, LockAction::takes, "b"),
        event(kAdder, LockAction::releases, "b"),    event(kAdder, LockAction::releases, "a", true),
        event(kOnliner, LockAction::takes, "b"),     event(kOnliner, LockAction::takes, "a", true)};
    EXPECT_TRUE(lock_inversions(events).empty());
}

TEST(LockOrder, AReaderIsNoGate) {
    const std::vector<LockEvent> events = {event(kAdder, LockAction::takes, "gate", true),
                                           event(kAdder, LockAction::takes, "a"),
                                           event(kAdder, LockAction::takes, "b"),
                                           event(kAdder, LockAction::releases, "b"),
                                           event(kAdder, LockAction::releases, "a"),
                                           event(kAdder, LockAction::releases, "gate", true),
                                           event(kOnliner, LockAction::takes, "gate", true),
                                           event(kOnliner, LockAction::takes, "b"),
                                           event(kOnliner, LockAction::takes, "a")};
    const auto found = lock_inversions(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].gates.empty());
}

TEST(LockOrder, AClaimIsSeenOrBrokenByWhoTakesTheSecondForItself) {
    const auto check = [](const std::vector<LockEvent>& events) {
        return check_order(events, "cpu_hotplug_lock", "mem_hotplug_lock");
    };
    std::vector<LockEvent> events = {event(kAdder, LockAction::takes, "cpu_hotplug_lock", true)};
    EXPECT_FALSE(check(events).seen);
    nest(events, kAdder, {"mem_hotplug_lock"});
    EXPECT_TRUE(check(events).seen);
    EXPECT_FALSE(check(events).breach);
    // A reader, and another one's lock, prove nothing.
    events.push_back(event(kOnliner, LockAction::takes, "mem_hotplug_lock", true));
    EXPECT_FALSE(check(events).breach);
    events.push_back(event(kOnliner, LockAction::takes, "mem_hotplug_lock"));
    ASSERT_TRUE(check(events).breach);
    EXPECT_EQ(check(events).breach->task, kOnliner);
}

TEST(LockOrder, WhatWasReleasedIsNotHeldAnyMore) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"cpu_hotplug_lock"});
    nest(events, kAdder, {"mem_hotplug_lock"});
    EXPECT_TRUE(check_order(events, "cpu_hotplug_lock", "mem_hotplug_lock").breach);
}

}  // namespace
}  // namespace memrig
