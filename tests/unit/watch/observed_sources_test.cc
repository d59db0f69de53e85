// The observer as the source of others: the ledger, notifier chains, and those who want to know of calls.
#include "lock_observer_fixture.h"
#include "watch/lock_ledger.h"
#include "watch/notifier_chain.h"
#include "watch/notifiers.h"
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

// The lock of a device that is known is watched from the beginning.
TEST_F(LockObserverTest, TheLedgerWatchesTheDevicesThatAreKnown) {
    kernel.probe.poke_u64(kDeviceLock, 0);
    ASSERT_TRUE(begin());
    const KnownDevices known{0x50, {{kDeviceLock - 0x50, 32}}};
    const auto ledger = LockLedger::make(kernel.conductor, kernel.symbols, *observer, known);
    ASSERT_TRUE(ledger) << ledger.error().line();
    store(1, "mutex_lock", kDeviceLock, device_lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(told(), ElementsAre(fmt::format("{:x} takes memory32's device lock", kAdder)));
}

TEST_F(LockObserverTest, ADeviceMayLieWhereAnotherOneWas) {
    kernel.probe.poke_u64(kDeviceLock, 0);
    ASSERT_TRUE(begin());
    const std::uint64_t device = kDeviceLock - 0x50;
    const auto ledger = LockLedger::make(kernel.conductor, kernel.symbols, *observer, {0x50, {{device, 32}}});
    ASSERT_TRUE(ledger) << ledger.error().line();
    kernel.put_device(device, "memory40");
    kernel.will_call(1, kAdder, "bus_probe_device", "last", device);
    kernel.run();
    EXPECT_EQ((*ledger)->block_of_device(device), 40u);
    store(1, "mutex_lock", kDeviceLock, device_lock, kObservedTask);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(told(), ElementsAre(fmt::format("{:x} takes memory40's device lock", kAdder)));
    kernel.put_device(device, "pci0");
    kernel.will_call(1, kAdder, "bus_probe_device", "last", device);
    kernel.run();
    EXPECT_EQ((*ledger)->block_of_device(device), std::nullopt);
}

TEST_F(LockObserverTest, ANotifierChainHearsOfItsMembersWithoutAStop) {
    constexpr std::uint64_t head = 0xffffffff82100000, block = 0xffff888005000000;
    kernel.probe.poke_u64(head + 40, block);
    kernel.probe.poke_u64(block, kernel.at("slab_callback"));
    kernel.probe.poke_u64(block + 8, 0);
    kernel.probe.poke_u64(block + 16, 1);
    ASSERT_TRUE(begin());
    NotifierChain chain(kernel.conductor, kernel.symbols);
    ASSERT_TRUE(chain.follow(*observer, head));
    ASSERT_TRUE(kernel.probe.set_register(1, "rdi", head));
    const auto registers = kernel.probe.registers(1);
    ASSERT_TRUE(registers);
    const Arrival at_entry{1, 0, *registers, kAdder, steady_clock().now()};
    Passage call = passage_of(at_entry);
    call.arrival = nullptr;
    ASSERT_TRUE(chain.begin(call));
    EXPECT_TRUE(kernel.probe.breakpoints.empty());
    enter(1, "slab_callback");
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_EQ(chain.end(kAdder, false), "");
    ASSERT_TRUE(chain.begin(call));
    EXPECT_EQ(chain.end(kAdder, false), "slab_callback (priority 1) is not called");
    // A module has added a member, which nobody watches: whether it was called is not known until the next notice.
    kernel.probe.poke_u64(block + 8, block + 0x100);
    kernel.probe.poke_u64(block + 0x100, kernel.at("last"));
    kernel.probe.poke_u64(block + 0x108, 0);
    kernel.probe.poke_u64(block + 0x110, 0);
    ASSERT_TRUE(chain.begin(call));
    EXPECT_EQ(chain.end(kAdder, false), std::nullopt);
    EXPECT_EQ(kernel.probe.breakpoints, std::set{kernel.at("last")});
    ASSERT_TRUE(chain.begin(call));
    EXPECT_EQ(chain.end(kAdder, false), std::nullopt)
        << "it was told at the same stop, and so it came before the watch";
    call.at += std::chrono::milliseconds(1);
    ASSERT_TRUE(chain.begin(call));
    EXPECT_EQ(chain.end(kAdder, false), "slab_callback (priority 1) is not called");
}

// A module's function has no symbol, and the observer tells of no function that it was not asked for before the trial.
TEST_F(LockObserverTest, AMemberThatAModuleAddsIsWatchedBeforeItIsCalled) {
    constexpr std::uint64_t head = 0xffffffff82100000, block = 0xffff888005000000, module = 0xffffffffc0001000;
    kernel.probe.poke_u64(head + 40, block);
    kernel.probe.poke_u64(block, kernel.at("last"));
    kernel.probe.poke_u64(block + 8, 0);
    kernel.probe.poke_u64(block + 16, 1);
    ASSERT_TRUE(begin());
    NotifierChain chain(kernel.conductor, kernel.symbols);
    ASSERT_TRUE(chain.follow(*observer, head));
    EXPECT_EQ(kernel.probe.breakpoints, std::set{kernel.at("last")});
    kernel.probe.poke_u64(block + 0x100, module);
    kernel.probe.poke_u64(block + 0x108, 0);
    kernel.probe.poke_u64(block + 0x110, 0);
    ASSERT_TRUE(kernel.probe.set_register(1, "rdi", head));
    const auto registers = kernel.probe.registers(1);
    ASSERT_TRUE(registers);
    Arrival arrival{1, 0, *registers, kAdder, steady_clock().now()};
    ASSERT_TRUE(chain.watch_new(block + 0x100, arrival));
    EXPECT_TRUE(kernel.probe.breakpoints.contains(module));
    kernel.probe.poke_u64(block + 8, block + 0x100);
    arrival.at += std::chrono::milliseconds(1);
    Passage call = passage_of(arrival);
    call.arrival = nullptr;
    ASSERT_TRUE(chain.begin(call));
    EXPECT_NE(chain.end(kAdder, false).value_or(""), "") << "neither is called, and both are watched";
}

TEST_F(LockObserverTest, NoticesAreCheckedWithoutAStop) {
    kernel.add_function("memory_chain");
    ASSERT_TRUE(begin());
    const auto ledger = LockLedger::make(kernel.conductor, kernel.symbols, *observer);
    ASSERT_TRUE(ledger) << ledger.error().line();
    const auto notices = NotifierWatch::make(kernel.conductor, **ledger, kernel.symbols, {}, observer.get());
    ASSERT_TRUE(notices) << notices.error().line();
    EXPECT_FALSE(kernel.probe.breakpoints.contains(kernel.at("blocking_notifier_call_chain")));
    const auto tell = [&](std::uint64_t action, std::uint64_t value) {
        called = {{kernel.at("memory_chain"), action, 0}, {}, kernel.at("last", 0x41), value};
        enter(1, "blocking_notifier_call_chain");
        answer(1, "blocking_notifier_call_chain");
        ASSERT_TRUE(kernel.conductor.look());
    };
    tell(3, kNotifyBad);  // MEM_GOING_ONLINE is vetoed
    EXPECT_THAT((*notices)->breaches(), IsEmpty());
    EXPECT_EQ((*notices)->vetoes(Notice::going_online), 1u);
    tell(0, 1);  // MEM_ONLINE
    ASSERT_EQ((*notices)->breaches().size(), 1u);
    EXPECT_EQ((*notices)->breaches()[0].reproach, "with MEM_ONLINE, though its MEM_GOING_ONLINE was vetoed");
    EXPECT_THAT((*notices)->breaches()[0].path, ElementsAre("last+0x41"));
}

// A veto of the rig is written into a register at the call's return.
TEST_F(LockObserverTest, NoticesThatTheRigVetoesStopTheGuest) {
    kernel.add_function("memory_chain");
    ASSERT_TRUE(begin());
    const auto ledger = LockLedger::make(kernel.conductor, kernel.symbols, *observer);
    ASSERT_TRUE(ledger) << ledger.error().line();
    NotifierSpec spec;
    spec.veto = Notice::going_online;
    ASSERT_TRUE(NotifierWatch::make(kernel.conductor, **ledger, kernel.symbols, spec, observer.get()));
    EXPECT_TRUE(kernel.probe.breakpoints.contains(kernel.at("blocking_notifier_call_chain")));
}

// The arguments and the answer of a call are as they were then, whatever the guest's registers are at the stop.
TEST_F(LockObserverTest, TellsAWholeCall) {
    ASSERT_TRUE(begin());
    Passages passages(kernel.conductor, kernel.symbols, observer.get());
    std::vector<std::string> seen;
    const auto enters = [&](const Passage& passage) -> Result<bool> {
        MEMRIG_TRY(const auto words, passages.words_at(passage, 2, 2));
        seen.push_back(fmt::format("{:x} from {}: {} and {}", passage.arguments.at(1), passage.caller,
                                   words.value().at(0), words.value().at(1)));
        return passage.arguments.at(1) == 4;
    };
    const auto leaves = [&](const Passage& passage) -> Status {
        seen.push_back(fmt::format("answers {:x}", passage.answer.value()));
        return {};
    };
    ASSERT_TRUE(passages.watch("blocking_notifier_call_chain", Passages::Needs::arguments, enters, leaves));
    EXPECT_TRUE(kernel.probe.breakpoints.empty());
    called = {{1, 8, 3}, {32, 33}, kernel.at("last", 0x41), 0x8002};
    enter(1, "blocking_notifier_call_chain");
    called.arguments[1] = 4;
    enter(1, "blocking_notifier_call_chain");
    answer(1, "blocking_notifier_call_chain");
    answer(1, "blocking_notifier_call_chain");
    answer(1, "blocking_notifier_call_chain");
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(seen, ElementsAre("8 from last+0x41: 32 and 33", "4 from last+0x41: 32 and 33", "answers 8002"));
    EXPECT_THAT(observer->faults(), IsEmpty());
}

TEST_F(LockObserverTest, RegistersThatTheProbeReadsOtherwiseAreAFault) {
    ASSERT_TRUE(begin());
    expect_calls();
    const auto call = [&](std::uint64_t argument) {
        kernel.will_call(1, kAdder, "bus_probe_device", "last", 0x700);
        kernel.run();
        called.arguments = {argument, 0, 0};
        called.returns_to = kernel.at("last", 0x41);
        enter(1, "bus_probe_device");
        ASSERT_TRUE(kernel.conductor.look());
    };
    call(0x700);
    kernel.will_return(1, kAdder, "last", 0x8002);
    kernel.run();
    called.answer = 0x8002;
    answer(1, "bus_probe_device");
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(observer->faults(), IsEmpty());
    call(0x708);
    EXPECT_THAT(observer->faults(),
                ElementsAre("bus_probe_device is called with 700, 0, 0, and 708, 0, 0 as the observer saw it"));
}

TEST_F(LockObserverTest, ACallThatOnlyTheProbeSeesIsAFault) {
    ASSERT_TRUE(begin());
    expect_calls();
    for (const std::size_t faults : {0, 1}) {
        kernel.will_call(1, kAdder, "bus_probe_device", "last");
        kernel.run();
        EXPECT_EQ(observer->faults().size(), faults);
    }
    EXPECT_EQ(observer->faults().front(), "bus_probe_device was called, and the observer did not tell");
}

TEST_F(LockObserverTest, AnAnswerThatTheProbeReadsOtherwiseIsAFault) {
    ASSERT_TRUE(begin());
    expect_calls();
    kernel.will_call(1, kAdder, "bus_probe_device", "last");
    kernel.will_return(1, kAdder, "last", 1);
    kernel.run();
    called = {{0, 0, 0}, {}, kernel.at("last", 0x41), 0};
    enter(1, "bus_probe_device");
    answer(1, "bus_probe_device");
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_THAT(observer->faults(), ElementsAre("bus_probe_device returns 1, and 0 as the observer saw it"));
}

TEST_F(LockObserverTest, StopsTheGuestAfterSomeCallsOnAVcpu) {
    ASSERT_TRUE(begin());
    observer->stop_where_tasks_wait();
    observer->stop_after_calls(kernel.at("slab_callback"), 1, 3);
    unsigned calls = 0;
    const auto listening = observer->on_entry([&](const Passage&) -> Status {
        calls++;
        return {};
    });
    const auto call = [&](unsigned vcpu) {
        enter(vcpu, "slab_callback");
        kernel.run();
    };
    call(1), call(2), call(2);
    ASSERT_TRUE(kernel.conductor.look());
    EXPECT_EQ(std::exchange(calls, 0), 3u);
    EXPECT_EQ(observer->calls_to_come(), 2u);
    call(1), call(2);
    EXPECT_EQ(calls, 0u);
    call(1);
    EXPECT_EQ(calls, 3u);
    EXPECT_EQ(observer->calls_to_come(), 0u);
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
        ASSERT_TRUE(passages.watch(function, Passages::Needs::task, enters, leaves));
    };
    watch("bus_probe_device");
    watch("device_online");
    EXPECT_EQ(kernel.probe.breakpoints, std::set{kernel.at("device_online")});
    called.returns_to = kernel.at("last", 0x41);
    enter(1, "bus_probe_device");
    answer(1, "bus_probe_device");
    kernel.will_call(2, kOnliner, "device_online", "last");
    kernel.will_return(2, kOnliner, "last");
    kernel.run();
    EXPECT_THAT(seen, ElementsAre(fmt::format("{:x} enters bus_probe_device from last+0x41", kAdder),
                                  fmt::format("{:x} leaves bus_probe_device", kAdder),
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
