// The history of a lock as the observer sees it, and its comparison with the ledger.
#include "lock_observer_fixture.h"
#include "watch/lock_names.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(LockObserverTest, TellsATaskByItsStack) {
    ASSERT_TRUE(begin());
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    store(1, "mutex_unlock", kernel.at("device_hotplug_lock"), lock, 0);
    EXPECT_THAT(observer->events(), IsEmpty());
    ASSERT_TRUE(kernel.conductor.look());
    const std::string task = fmt::format("{:x} ", kAdder);
    EXPECT_THAT(told(), ElementsAre(task + "takes device_hotplug_lock", task + "releases device_hotplug_lock"));
    EXPECT_EQ(observer->events()[0].vcpu, 1u);
    EXPECT_EQ(observer->events()[0].instance, kernel.at("device_hotplug_lock"));
    EXPECT_THAT(observer->faults(), IsEmpty());
    EXPECT_THAT(observer->gaps(), IsEmpty());
    EXPECT_TRUE(observer->watches("device_hotplug_lock"));
    EXPECT_FALSE(observer->watches("memory32's device lock"));
}

// The stack of a task that ends is given back. Its task_struct has other words that look like a stack.
TEST_F(LockObserverTest, ATaskThatEndsBeforeTheStopIsTheOneThatItWas) {
    ASSERT_TRUE(begin());
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.look());
    store(1, "mutex_unlock", kernel.at("device_hotplug_lock"), lock, 0);
    kernel.probe.poke_u64(kObservedTask + 0x20, 0);
    kernel.probe.poke_u64(kObservedTask + 0x40, kOnliner);
    ASSERT_TRUE(kernel.conductor.look());
    const std::string task = fmt::format("{:x} ", kAdder);
    EXPECT_THAT(told(), ElementsAre(task + "takes device_hotplug_lock", task + "releases device_hotplug_lock"));
}

// A vCPU has shown where a task_struct has its stack, so no other word is taken for one.
TEST_F(LockObserverTest, ATaskThatWasNeverSeenAliveIsNamedByItsStruct) {
    ASSERT_TRUE(kernel.probe.set_register(1, "rsp", kAdder + 0x2000));
    ASSERT_TRUE(begin());
    EXPECT_THAT(observer->owners(), IsEmpty()) << "an idle task, that of pid 0, takes no lock";
    const std::uint64_t ended = kObservedTask + 0x10000;
    kernel.probe.poke_u64(ended + 0x20, 0);
    kernel.probe.poke_u64(ended + 0x40, kOnliner);
    current[1] = ended;
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, ended);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(told(), ElementsAre(fmt::format("{:x} takes device_hotplug_lock", ended)));
    store(1, "mutex_unlock", kernel.at("device_hotplug_lock"), lock, 0);
    ASSERT_TRUE(kernel.conductor.look());
    observer->forget();
    // Another task gets the same task_struct.
    kernel.probe.poke_u64(ended + 0x20, kOnliner);
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, ended);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(told(), ElementsAre(fmt::format("{:x} takes device_hotplug_lock", kOnliner)));
}

// The firmware keeps the end of the memory to itself, so that its size is no power of two.
TEST_F(LockObserverTest, TheDirectMemoryIsFoundToItsEnd) {
    direct_bytes = (447ull << 20) + 4096;
    ASSERT_TRUE(kernel.probe.set_register(1, "rsp", kAdder + 0x2000));
    ASSERT_TRUE(begin());
    EXPECT_EQ(recorder.table.direct.start, kDirectMemory + (1u << 20));
    EXPECT_EQ(recorder.table.direct.end, kDirectMemory + (446ull << 20));
}

// Only a paravirtualised guest of Xen is asked for each piece: the others have theirs in one.
class DirectMemoryInPieces : public LockObserverTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(DirectMemoryInPieces, EndsInAXenGuestWhereItsPieceEnds) {
    const std::uint64_t domain_type = GetParam();
    direct_bytes = 512ull << 20;
    elsewhere = {(kDirectMemory + (100ull << 20)) >> 21};
    kernel.probe.poke_u64(kernel.at("xen_domain_type"), domain_type);
    ASSERT_TRUE(kernel.probe.set_register(1, "rsp", kAdder + 0x2000));
    ASSERT_TRUE(begin());
    EXPECT_EQ(recorder.table.direct.end, kDirectMemory + ((domain_type == 1 ? 100ull : 512ull) << 20));
}

INSTANTIATE_TEST_SUITE_P(DomainTypes, DirectMemoryInPieces, testing::Values(0, 1, 2));

TEST_F(LockObserverTest, AMutexMayBeAddedLater) {
    ASSERT_TRUE(begin());
    kernel.probe.poke_u64(kDeviceLock, 0);
    store(1, "mutex_lock", kDeviceLock, device_lock, kObservedTask);
    kernel.probe.poke_u64(kDeviceLock, 0);
    ASSERT_TRUE(observer->watch_mutex(kDeviceLock, "memory32's device lock"));
    ASSERT_TRUE(observer->watch_mutex(kDeviceLock, "memory32's device lock"));
    store(1, "mutex_lock", kDeviceLock, device_lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(told(), ElementsAre(fmt::format("{:x} takes memory32's device lock", kAdder)));
}

TEST_F(LockObserverTest, EndsWithTheWatches) {
    ASSERT_TRUE(begin());
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.unwatch_all());
    EXPECT_EQ(told().size(), 1u);
    store(1, "mutex_unlock", kernel.at("device_hotplug_lock"), lock, 0);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_EQ(told().size(), 1u);
}

TEST_F(LockObserverTest, WhatIsMissingIsAFault) {
    ASSERT_TRUE(begin());
    for (std::uint64_t i = 0; i < 70; i++)
        store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, i % 2 == 0 ? kObservedTask : 0);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(
        observer->faults(),
        ElementsAre("the ring of vCPU 1 was full: 6 events were dropped",
                    fmt::format("device_hotplug_lock is owned by nobody, and by task {:x} as the observer saw it",
                                kObservedTask)));
}

// The second witness of what it sees: the mutex itself, at each stop.
TEST_F(LockObserverTest, AMutexWithAnotherOwnerIsAFault) {
    ASSERT_TRUE(begin());
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(observer->faults(), IsEmpty());
    kernel.probe.poke_u64(kernel.at("device_hotplug_lock"), 0);
    ASSERT_TRUE(kernel.conductor.look());
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(observer->faults(),
                ElementsAre(fmt::format(
                    "device_hotplug_lock is owned by nobody, and by task {:x} as the observer saw it", kObservedTask)));
}

TEST_F(LockObserverTest, AKernelThatHidesItsTasksIsTheGuestsFault) {
    for (std::uint64_t vcpu = 0; vcpu < 3; vcpu++)
        kernel.probe.poke_u64(kernel.at("current_task") + 0xffff888010000000 + vcpu * 0x1000, 7);
    const Status no_pointer = begin();
    ASSERT_FALSE(no_pointer);
    EXPECT_EQ(no_pointer.error().fault, Fault::guest);
    EXPECT_EQ(no_pointer.error().message, "the observer does not find the task that runs on vCPU 0");
    kernel.remove_function("current_task");
    const Status no_symbol = begin();
    ASSERT_FALSE(no_symbol);
    EXPECT_EQ(no_symbol.error().fault, Fault::guest);
}

// --- the comparison

LockEvent compared_event(std::uint64_t task, LockAction action, const std::string& lock = locks::device_hotplug) {
    LockEvent event;
    event.task = task;
    event.action = action;
    event.lock = lock;
    return event;
}

std::vector<LockEvent> compared_events(std::uint64_t task, const std::vector<LockAction>& actions,
                                       const std::string& lock = locks::device_hotplug) {
    std::vector<LockEvent> events;
    for (const LockAction action : actions) events.push_back(compared_event(task, action, lock));
    return events;
}

std::vector<std::string> differences(const std::vector<LockEvent>& ledger, const std::vector<LockEvent>& observer) {
    std::size_t compared = 0;
    return observer_disagreements(ledger, observer, compared);
}

constexpr auto kTakes = LockAction::takes, kReleases = LockAction::releases, kRefused = LockAction::refused,
               kWants = LockAction::wants;

TEST(ObserverDisagreements, ThereAreNoneWhereBothSeeTheSame) {
    const auto events = compared_events(kAdder, {kWants, kTakes, kReleases, kRefused});
    std::size_t compared = 0;
    EXPECT_THAT(observer_disagreements(events, events, compared), IsEmpty());
    EXPECT_EQ(compared, 4u);
    EXPECT_THAT(differences({}, {}), IsEmpty());
}

TEST(ObserverDisagreements, AMissingEventIsOne) {
    const auto whole = compared_events(kAdder, {kTakes, kReleases, kTakes, kReleases});
    const auto less = compared_events(kAdder, {kTakes, kReleases, kTakes});
    EXPECT_THAT(differences(whole, less),
                ElementsAre(fmt::format("device_hotplug_lock and task {:x}, step 4: the ledger saw \"releases\", the "
                                        "observer saw \"nothing\"",
                                        kAdder)));
    EXPECT_THAT(differences(less, whole),
                ElementsAre(fmt::format("device_hotplug_lock and task {:x}, step 4: the ledger saw \"nothing\", the "
                                        "observer saw \"releases\"",
                                        kAdder)));
    EXPECT_EQ(differences(whole, {}).size(), 1u);
    EXPECT_EQ(differences({}, whole).size(), 1u);
}

TEST(ObserverDisagreements, ATaskIsNotTakenForAnother) {
    EXPECT_EQ(differences(compared_events(kAdder, {kTakes}), compared_events(kOnliner, {kTakes})).size(), 2u);
}

TEST(ObserverDisagreements, OneLockIsNotTakenForAnother) {
    EXPECT_EQ(
        differences(compared_events(kAdder, {kTakes}), compared_events(kAdder, {kTakes}, locks::acpi_scan)).size(), 2u);
}

TEST(ObserverDisagreements, AReaderIsNotTakenForAWriter) {
    auto shared = compared_events(kAdder, {kTakes, kReleases}, locks::mem_hotplug);
    auto exclusive = shared;
    for (auto& event : shared) event.shared = true;
    EXPECT_EQ(differences(shared, exclusive).size(), 1u);
}

TEST(ObserverDisagreements, AWishBeforeATakeMayHaveBeenTooShortForTheLedger) {
    EXPECT_THAT(differences(compared_events(kAdder, {kTakes}), compared_events(kAdder, {kWants, kTakes})), IsEmpty());
    EXPECT_THAT(
        differences(compared_events(kAdder, {kWants, kWants, kTakes}), compared_events(kAdder, {kWants, kTakes})),
        IsEmpty());
    EXPECT_THAT(differences(compared_events(kAdder, {kTakes}), compared_events(kAdder, {kTakes, kWants})), IsEmpty());
    EXPECT_THAT(differences(compared_events(kAdder, {kTakes, kWants}), compared_events(kAdder, {kTakes})), IsEmpty());
    EXPECT_EQ(differences(compared_events(kAdder, {kWants, kRefused}), compared_events(kAdder, {kTakes})).size(), 1u);
}

TEST(ObserverDisagreements, TheObserverMayBeAheadByTheEndOfACall) {
    const auto rwsem = [](const std::vector<LockAction>& actions) {
        return compared_events(kAdder, actions, locks::mem_hotplug);
    };
    EXPECT_THAT(differences(rwsem({kWants}), rwsem({kWants, kTakes})), IsEmpty());
    EXPECT_EQ(differences(rwsem({kWants}), rwsem({kWants, kTakes, kReleases})).size(), 1u);
    EXPECT_THAT(differences({}, compared_events(kAdder, {kRefused})), IsEmpty());
    EXPECT_EQ(differences({}, compared_events(kAdder, {kTakes})).size(), 1u) << "a mutex shows it at once";
    // Then it did something else: the ledger has missed the end of the call.
    auto later = rwsem({kWants, kTakes});
    later.push_back(compared_event(kAdder, kTakes));
    auto ledger = rwsem({kWants});
    ledger.push_back(compared_event(kAdder, kTakes));
    EXPECT_EQ(differences(ledger, later).size(), 1u);
}

}  // namespace
}  // namespace memrig
