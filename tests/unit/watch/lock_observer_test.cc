// The observer's locks over a FakeProbe: the rings are written by the plugin's own code, with the memory of this test
// as the guest's.
#include "watch/lock_observer.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include "kernel_fixture.h"
#include "observer/recorder.h"
#include "watch/lock_names.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kObservedTask = 0xffff888003000000;

class LockObserverTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = ObserverChannel::make(3, 64);
        ASSERT_TRUE(made);
        channel = *std::move(made);
        bytes = observer_bytes(3, 64);
        memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, channel->descriptor(), 0);
        ASSERT_NE(memory, MAP_FAILED);
        ASSERT_TRUE(recorder_open(&recorder, memory, bytes, 1));
        for (std::uint64_t vcpu = 0; vcpu < 3; vcpu++) {
            kernel.probe.poke_u64(kernel.at("__per_cpu_offset", vcpu * 8), 0xffff888010000000 + vcpu * 0x1000);
            kernel.probe.poke_u64(kernel.at("current_task") + 0xffff888010000000 + vcpu * 0x1000, kObservedTask);
            current[vcpu] = kObservedTask;
        }
        kernel.probe.poke_u64(kernel.at("device_hotplug_lock"), 0);
        kernel.probe.poke_u64(kernel.at("acpi_scan_lock"), 0);
        kernel.probe.poke_u64(kObservedTask + 0x20, kAdder);
    }
    void TearDown() override { ::munmap(memory, bytes); }
    Status begin() {
        auto made = LockObserver::make(kernel.conductor, kernel.symbols, *channel,
                                       [this](std::uint64_t address, std::uint64_t) { return host(address); });
        if (!made) return std::unexpected(made.error());
        observer = *std::move(made);
        EXPECT_TRUE(recorder_ready(&recorder));
        return {};
    }
    // Where the test has the words of the guest.
    Result<std::uint64_t> host(std::uint64_t address) {
        for (std::uint64_t vcpu = 0; vcpu < 3; vcpu++)
            if (address == kernel.at("current_task") + 0xffff888010000000 + vcpu * 0x1000)
                return reinterpret_cast<std::uint64_t>(&current[vcpu]);
        if (address == kernel.at("device_hotplug_lock")) return reinterpret_cast<std::uint64_t>(&lock);
        if (address == kDeviceLock) return reinterpret_cast<std::uint64_t>(&device_lock);
        if (address == kernel.at("acpi_scan_lock") || address == kernel.at("mem_hotplug_lock") ||
            address == kernel.at("cpu_hotplug_lock"))
            return reinterpret_cast<std::uint64_t>(&other);
        return fail(Fault::rig, "nothing at {:x}", address);
    }
    void store(unsigned vcpu, const std::string& function, std::uint64_t address, std::uint64_t& word,
               std::uint64_t value) {
        word = value;
        const ObserverFunction* found = recorder_function(&recorder, kernel.at(function, 0x20));
        ASSERT_NE(found, nullptr) << function;
        recorder_touched(&recorder, vcpu, recorder_index(&recorder, found), address, true);
    }
    std::vector<std::string> told() {
        std::vector<std::string> lines;
        for (const auto& event : observer->events())
            lines.push_back(fmt::format("{:x} {} {}", event.task, to_string(event.action), event.lock));
        return lines;
    }

    static constexpr std::uint64_t kDeviceLock = 0xffff888001000050;
    FakeKernel kernel{{"mutex_lock", "mutex_trylock", "mutex_unlock", "last"},
                      {"device_hotplug_lock", "acpi_scan_lock", "mem_hotplug_lock", "cpu_hotplug_lock",
                       "__per_cpu_offset", "current_task", "end"}};
    std::unique_ptr<ObserverChannel> channel;
    std::unique_ptr<LockObserver> observer;
    void* memory = nullptr;
    std::size_t bytes = 0;
    Recorder recorder{};
    alignas(8) std::uint64_t current[3] = {}, lock = 0, device_lock = 0, other = 0;
};

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

TEST_F(LockObserverTest, AMutexMayBeAddedLater) {
    ASSERT_TRUE(begin());
    kernel.probe.poke_u64(kDeviceLock, 0);
    store(1, "mutex_lock", kDeviceLock, device_lock, kObservedTask);
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
    EXPECT_THAT(observer->faults(), ElementsAre("the ring of vCPU 1 was full: 6 events were dropped"));
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
