// The observer as the source of others: the ledger, notifier chains, and those who want to know of calls.
#include "lock_observer_fixture.h"
#include "watch/lock_ledger.h"
#include "watch/notifier_chain.h"
#include "watch/passages.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

// Its name may be learned from a function that takes it, but the observer needs its address.
TEST_F(LockObserverTest, ALockWithoutAnAddressIsNotWatched) {
    kernel.remove_function("device_hotplug_lock");
    kernel.add_function("lock_device_hotplug");
    ASSERT_TRUE(begin());
    const auto ledger = LockLedger::make(kernel.conductor, kernel.symbols, *observer);
    ASSERT_TRUE(ledger) << ledger.error().line();
    EXPECT_FALSE((*ledger)->watches(locks::device_hotplug));
    EXPECT_TRUE((*ledger)->watches(locks::acpi_scan));
    EXPECT_THAT((*ledger)->gaps(), testing::Contains("device_hotplug_lock has no symbol"));
}

}  // namespace
}  // namespace memrig
