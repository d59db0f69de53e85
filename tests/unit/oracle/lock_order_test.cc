#include "oracle/lock_order.h"

#include <fmt/format.h>
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

// The cycles of two edges.
std::vector<LockCycle> inversions_in(const std::vector<LockEvent>& events) {
    std::vector<LockCycle> cycles = lock_cycles(events).cycles;
    std::erase_if(cycles, [](const LockCycle& cycle) { return cycle.edges.size() != 2; });
    return cycles;
}

TEST(LockOrder, TheKernelsOwnInversionIsGated) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"device_hotplug_lock", "mem_hotplug_lock", "memory32's device lock"});
    nest(events, kOnliner, {"device_hotplug_lock", "memory32's device lock", "mem_hotplug_lock"});
    const auto found = inversions_in(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].gates, std::set<std::string>{"device_hotplug_lock"});
    EXPECT_EQ(found[0].edges[0].from, "mem_hotplug_lock");
    EXPECT_EQ(found[0].edges[0].to, "memory32's device lock");
    EXPECT_EQ(found[0].edges[0].task, kAdder);
}

TEST(LockOrder, WithoutTheGateOnOneSideItIsNot) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"mem_hotplug_lock", "memory32's device lock"});
    nest(events, kOnliner, {"device_hotplug_lock", "memory32's device lock", "mem_hotplug_lock"});
    const auto found = inversions_in(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].gates.empty());
}

TEST(LockOrder, AWishCountsWhereTheLockWasNeverHad) {
    const std::vector<LockEvent> events = {
        event(kAdder, LockAction::takes, "a"), event(kOnliner, LockAction::takes, "b"),
        event(kAdder, LockAction::wants, "b"), event(kOnliner, LockAction::wants, "a")};
    EXPECT_EQ(inversions_in(events).size(), 1u);
}

TEST(LockOrder, OneTaskAloneCannotInvert) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"a", "b"});
    nest(events, kAdder, {"b", "a"});
    EXPECT_TRUE(inversions_in(events).empty());
}

TEST(LockOrder, OtherInstancesAreOtherLocks) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"mem_hotplug_lock", "memory32's device lock"});
    nest(events, kOnliner, {"memory33's device lock", "mem_hotplug_lock"});
    EXPECT_TRUE(inversions_in(events).empty());
}

TEST(LockOrder, AReleasedLockOrdersNothing) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"a"});
    nest(events, kAdder, {"b"});
    nest(events, kOnliner, {"b", "a"});
    EXPECT_TRUE(inversions_in(events).empty());
}

TEST(LockOrder, ReadersDoNotKeepEachOtherOut) {
    const std::vector<LockEvent> events = {
        event(kAdder, LockAction::takes, "a", true), event(kAdder, LockAction::takes, "b"),
        event(kAdder, LockAction::releases, "b"),    event(kAdder, LockAction::releases, "a", true),
        event(kOnliner, LockAction::takes, "b"),     event(kOnliner, LockAction::takes, "a", true)};
    EXPECT_TRUE(inversions_in(events).empty());
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
    const auto found = inversions_in(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].gates.empty());
}

// Takes each lock, `shared` ones as a reader, and drops them in reverse.
void nest_as(std::vector<LockEvent>& events, std::uint64_t task,
             const std::vector<std::pair<std::string, bool>>& locks) {
    for (const auto& [lock, shared] : locks) events.push_back(event(task, LockAction::takes, lock, shared));
    for (auto lock = locks.rbegin(); lock != locks.rend(); ++lock)
        events.push_back(event(task, LockAction::releases, lock->first, lock->second));
}

TEST(LockOrder, AReaderDoesNotHideTheWriterThatComesLater) {
    std::vector<LockEvent> events;
    nest_as(events, kAdder, {{"a", true}, {"b", false}});
    nest_as(events, kOnliner, {{"b", false}, {"a", true}});
    EXPECT_TRUE(inversions_in(events).empty());
    nest_as(events, kAdder, {{"a", false}, {"b", false}});
    EXPECT_EQ(inversions_in(events).size(), 1u) << "a is held by a writer now";
    events.clear();
    nest_as(events, kAdder, {{"a", false}, {"b", true}});
    nest_as(events, kAdder, {{"a", false}, {"b", false}});
    nest_as(events, kOnliner, {{"b", true}, {"a", false}});
    EXPECT_EQ(inversions_in(events).size(), 1u) << "b is wanted by a writer now";
}

TEST(LockOrder, AReaderAndAWriterOfAGateKeepEachOtherOut) {
    std::vector<LockEvent> events;
    nest_as(events, kAdder, {{"gate", false}, {"a", false}, {"b", false}});
    nest_as(events, kOnliner, {{"gate", true}, {"b", false}, {"a", false}});
    const auto found = inversions_in(events);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].gates, std::set<std::string>{"gate"});
}

// --- cycles of any length

constexpr std::uint64_t kThirdTask = 3;

std::vector<std::string> names_of(const LockCycle& cycle) {
    std::vector<std::string> names;
    for (const auto& edge : cycle.edges) names.push_back(edge.from);
    return names;
}

TEST(LockCycles, ThreeTasksMakeOneOfThreeLocks) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"a", "b"});
    nest(events, kOnliner, {"b", "c"});
    EXPECT_TRUE(lock_cycles(events).cycles.empty());
    nest(events, kThirdTask, {"c", "a"});
    EXPECT_TRUE(inversions_in(events).empty());
    const LockCycles found = lock_cycles(events);
    EXPECT_TRUE(found.complete);
    ASSERT_EQ(found.cycles.size(), 1u);
    EXPECT_EQ(names_of(found.cycles[0]), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_TRUE(found.cycles[0].gates.empty());
}

TEST(LockCycles, OfTwoAreTheInversions) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"gate", "a", "b"});
    nest(events, kOnliner, {"gate", "b", "a"});
    const LockCycles found = lock_cycles(events);
    ASSERT_EQ(found.cycles.size(), 1u);
    EXPECT_EQ(names_of(found.cycles[0]), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(found.cycles[0].gates, std::set<std::string>{"gate"});
}

TEST(LockCycles, AGateOfTwoOfTheTasksIsEnough) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"gate", "a", "b"});
    nest(events, kOnliner, {"b", "c"});
    nest(events, kThirdTask, {"gate", "c", "a"});
    const LockCycles found = lock_cycles(events);
    ASSERT_EQ(found.cycles.size(), 1u);
    EXPECT_EQ(found.cycles[0].gates, std::set<std::string>{"gate"});
    nest(events, kThirdTask, {"c", "a"});
    ASSERT_EQ(lock_cycles(events).cycles.size(), 2u);
    EXPECT_TRUE(lock_cycles(events).cycles[0].gates.empty()) << "once without the gate";
}

TEST(LockCycles, ATaskIsInACycleOnce) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"a", "b"});
    nest(events, kOnliner, {"b", "c"});
    nest(events, kAdder, {"c", "a"});
    EXPECT_TRUE(lock_cycles(events).cycles.empty());
}

TEST(LockCycles, TwoReadersOfALockMakeNone) {
    std::vector<LockEvent> events;
    nest_as(events, kAdder, {{"a", false}, {"b", true}});
    nest_as(events, kOnliner, {{"b", true}, {"c", false}});
    nest_as(events, kThirdTask, {{"c", false}, {"a", false}});
    EXPECT_TRUE(lock_cycles(events).cycles.empty());
    nest_as(events, kOnliner, {{"b", false}, {"c", false}});
    EXPECT_EQ(lock_cycles(events).cycles.size(), 1u);
}

// The adder holds c while it waits for b: it is in the shorter cycle b, c. Nobody else can hold c then.
TEST(LockCycles, AShorterOneStandsForALongerOneThatCannotBe) {
    std::vector<LockEvent> events;
    nest(events, kAdder, {"c", "a", "b"});
    nest(events, kOnliner, {"b", "c"});
    nest(events, kThirdTask, {"c", "a"});
    const LockCycles found = lock_cycles(events);
    ASSERT_EQ(found.cycles.size(), 1u);
    EXPECT_EQ(names_of(found.cycles[0]), (std::vector<std::string>{"c", "b"}));
}

TEST(LockCycles, AreFoundHoweverLongTheyAre) {
    std::vector<LockEvent> events;
    constexpr std::uint64_t tasks = 9;
    for (std::uint64_t task = 0; task < tasks; task++)
        nest(events, task + 1, {fmt::format("lock {}", task), fmt::format("lock {}", (task + 1) % tasks)});
    const LockCycles found = lock_cycles(events);
    EXPECT_TRUE(found.complete);
    ASSERT_EQ(found.cycles.size(), 1u);
    EXPECT_EQ(found.cycles[0].edges.size(), tasks);
}

// Every onliner and every adder of a big guest, all under one lock.
TEST(LockCycles, AGateOfAllKeepsTheSearchShort) {
    std::vector<LockEvent> events;
    for (std::uint64_t task = 1; task <= 12; task++)
        for (int from = 0; from < 12; from++)
            for (int to = 0; to < 12; to++)
                if (from != to) nest(events, task, {"gate", fmt::format("lock {}", from), fmt::format("lock {}", to)});
    const LockCycles found = lock_cycles(events);
    EXPECT_TRUE(found.complete);
    for (const auto& cycle : found.cycles) EXPECT_EQ(cycle.gates, std::set<std::string>{"gate"});
}

TEST(LockCycles, ASearchThatWasGivenUpSaysSo) {
    std::vector<LockEvent> events;
    for (std::uint64_t task = 1; task <= 12; task++)
        for (int from = 0; from < 12; from++)
            for (int to = 0; to < 12; to++)
                if (from != to) nest(events, task, {fmt::format("lock {}", from), fmt::format("lock {}", to)});
    const LockCycles found = lock_cycles(events);
    EXPECT_FALSE(found.complete);
    EXPECT_FALSE(found.cycles.empty());
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
