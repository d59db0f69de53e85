// The observer's locks over a FakeProbe: the rings are written by the plugin's own code, with the memory of this test
// as the guest's.
#include "watch/lock_observer.h"

#include <gmock/gmock.h>
#include <sys/mman.h>

#include "kernel_fixture.h"
#include "observer/recorder.h"
#include "watch/lock_ledger.h"
#include "watch/lock_names.h"
#include "watch/notifier_chain.h"
#include "watch/passages.h"

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
                                       [this](std::uint64_t address, std::uint64_t) { return host(address); },
                                       {kernel.at("slab_callback")});
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
        kernel.probe.poke_u64(address, value);
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
    void enter(unsigned vcpu, const std::string& function) {
        const ObserverFunction* found = recorder_function(&recorder, kernel.at(function, 0x20));
        ASSERT_NE(found, nullptr) << function;
        recorder_passed(&recorder, vcpu, recorder_index(&recorder, found), OBSERVER_EVENT_ENTRY);
    }
    FakeKernel kernel{{"mutex_lock", "mutex_trylock", "mutex_unlock", "slab_callback", "bus_probe_device",
                       "device_online", "device_offline", "last"},
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

// --- as the ledger's source

TEST_F(LockObserverTest, TellsEachEventWithItsCaller) {
    ASSERT_TRUE(begin());
    std::vector<std::string> heard;
    const auto listening = observer->on_event([&](const LockEvent& event) {
        heard.push_back(fmt::format("{} {} ({})", to_string(event.action), event.lock, event.where));
    });
    const ObserverFunction* const locks = recorder_function(&recorder, kernel.at("mutex_lock"));
    recorder_calls(&recorder, 1, recorder_index(&recorder, locks), kernel.at("last", 0x41));
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    store(2, "mutex_unlock", kernel.at("device_hotplug_lock"), lock, 0);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(heard, ElementsAre("takes device_hotplug_lock (last+0x41)", "releases device_hotplug_lock (?)"));
    EXPECT_EQ(observer->owners().at(kObservedTask).task, kAdder);
}

TEST_F(LockObserverTest, TellsTheCallsOfOtherFunctions) {
    ASSERT_TRUE(begin());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> heard;
    const auto listening = observer->on_entry([&](const Passage& passage) -> Status {
        heard.emplace_back(passage.task, passage.function);
        return {};
    });
    EXPECT_TRUE(observer->tells_calls_of(kernel.at("slab_callback")));
    EXPECT_FALSE(observer->tells_calls_of(kernel.at("mutex_lock")));
    EXPECT_FALSE(observer->tells_calls_of(kernel.at("last")));
    enter(1, "slab_callback");
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(heard, ElementsAre(std::pair(kAdder, kernel.at("slab_callback"))));
}

TEST_F(LockObserverTest, StopsTheGuestWhereATaskWaits) {
    ASSERT_TRUE(begin());
    observer->stop_where_tasks_wait();
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    kernel.run();
    EXPECT_THAT(told(), IsEmpty()) << "nobody waits: the event is for the next stop";
    current[2] = kObservedTask + 0x10000;
    kernel.probe.poke_u64(current[2] + 0x20, kOnliner);
    store(2, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    kernel.run();
    EXPECT_THAT(told(), ElementsAre(fmt::format("{:x} takes device_hotplug_lock", kAdder),
                                    fmt::format("{:x} wants device_hotplug_lock", kOnliner)));
}

TEST_F(LockObserverTest, ATaskThatIsRefusedAgainStopsTheGuestOnce) {
    ASSERT_TRUE(begin());
    observer->stop_where_tasks_wait();
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    current[2] = kObservedTask + 0x10000;
    kernel.probe.poke_u64(current[2] + 0x20, kOnliner);
    const auto is_refused = [&] {
        enter(2, "mutex_trylock");
        store(2, "mutex_trylock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
        const ObserverFunction* const tries = recorder_function(&recorder, kernel.at("mutex_trylock"));
        recorder_passed(&recorder, 2, recorder_index(&recorder, tries), OBSERVER_EVENT_LEAVE);
        kernel.run();
        return told().size();
    };
    EXPECT_EQ(is_refused(), 2u);
    EXPECT_EQ(is_refused(), 2u);
    kernel.conductor.hold(1);
    EXPECT_EQ(is_refused(), 4u) << "somebody is held now who was not: it may be refused for another reason";
}

TEST_F(LockObserverTest, IsTheLedgersSource) {
    ASSERT_TRUE(begin());
    const auto ledger = LockLedger::make(kernel.conductor, kernel.symbols, *observer);
    ASSERT_TRUE(ledger) << ledger.error().line();
    EXPECT_TRUE(kernel.probe.watchpoints.empty());
    EXPECT_FALSE(kernel.probe.breakpoints.contains(kernel.at("mutex_trylock")));
    store(1, "mutex_lock", kernel.at("device_hotplug_lock"), lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.look());
    ASSERT_EQ((*ledger)->held_by(kAdder).size(), 1u);
    EXPECT_EQ((*ledger)->held_by(kAdder)[0].lock, locks::device_hotplug);
    EXPECT_EQ((*ledger)->owner_word_of(locks::device_hotplug), kernel.at("device_hotplug_lock"));
    EXPECT_EQ((*ledger)->owners().at(kObservedTask).task, kAdder);
    store(1, "mutex_unlock", kernel.at("device_hotplug_lock"), lock, 0);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT((*ledger)->held_by(kAdder), IsEmpty());
    EXPECT_EQ((*ledger)->events().size(), 2u);
}

TEST_F(LockObserverTest, ANotifierChainHearsOfItsMembersWithoutAStop) {
    constexpr std::uint64_t head = 0xffffffff82100000, block = 0xffff888005000000;
    kernel.probe.poke_u64(head + 40, block);
    kernel.probe.poke_u64(block, kernel.at("slab_callback"));
    kernel.probe.poke_u64(block + 8, 0);
    kernel.probe.poke_u64(block + 16, 1);
    ASSERT_TRUE(begin());
    NotifierChain chain(kernel.conductor, kernel.symbols);
    chain.follow(*observer);
    ASSERT_TRUE(kernel.probe.set_register(1, "rdi", head));
    const auto registers = kernel.probe.registers(1);
    ASSERT_TRUE(registers);
    const Arrival call{1, 0, *registers, kAdder, steady_clock().now()};
    ASSERT_TRUE(chain.begin(call));
    EXPECT_TRUE(kernel.probe.breakpoints.empty());
    enter(1, "slab_callback");
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_EQ(chain.end(kAdder, false), "");
    ASSERT_TRUE(chain.begin(call));
    EXPECT_EQ(chain.end(kAdder, false), "slab_callback (priority 1) is not called");
}

TEST_F(LockObserverTest, APassageIsTheSameByTheObserverAndByAStop) {
    ASSERT_TRUE(begin());
    Passages passages(kernel.conductor, kernel.symbols, observer.get());
    std::vector<std::string> seen;
    const auto watch = [&](const std::string& function) {
        const auto enters = [&](const Passage& passage) -> Result<bool> {
            seen.push_back(fmt::format("{:x} enters {} from {}{}", passage.task,
                                       kernel.symbols.function(passage.function), passage.caller,
                                       passage.arrival != nullptr ? ", at a stop" : ""));
            return true;
        };
        const auto leaves = [&](const Passage& passage) -> Status {
            seen.push_back(fmt::format("{:x} leaves {}", passage.task, kernel.symbols.function(passage.function)));
            return {};
        };
        ASSERT_TRUE(passages.watch(function, enters, leaves));
    };
    watch("slab_callback");
    watch("device_online");
    EXPECT_EQ(kernel.probe.breakpoints, std::set{kernel.at("device_online")});
    const ObserverFunction* const slab = recorder_function(&recorder, kernel.at("slab_callback"));
    recorder_calls(&recorder, 1, recorder_index(&recorder, slab), kernel.at("last", 0x41));
    enter(1, "slab_callback");
    recorder_passed(&recorder, 1, recorder_index(&recorder, slab), OBSERVER_EVENT_LEAVE);
    kernel.will_call(2, kOnliner, "device_online", "last");
    kernel.will_return(2, kOnliner, "last");
    kernel.run();
    EXPECT_THAT(seen, ElementsAre(fmt::format("{:x} enters slab_callback from last+0x41", kAdder),
                                  fmt::format("{:x} leaves slab_callback", kAdder),
                                  fmt::format("{:x} enters device_online from last+0x41, at a stop", kOnliner),
                                  fmt::format("{:x} leaves device_online", kOnliner)));
}

TEST_F(LockObserverTest, ACallThatIsAwaitedStopsTheGuestOnlyDuringAHold) {
    ASSERT_TRUE(begin());
    observer->stop_where_tasks_wait();
    observer->stop_at_calls_of(kernel.at("slab_callback"));
    unsigned calls = 0;
    const auto listening = observer->on_entry([&](const Passage&) -> Status {
        calls++;
        return {};
    });
    enter(1, "slab_callback");
    kernel.run();
    EXPECT_EQ(calls, 0u);
    kernel.conductor.hold(2);
    enter(1, "slab_callback");
    kernel.run();
    EXPECT_EQ(calls, 2u);
    enter(1, "slab_callback");
    kernel.run();
    EXPECT_EQ(calls, 2u) << "once for each task and hold";
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
