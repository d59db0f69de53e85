// Mutexes by the writes to their owner field, over a FakeProbe.
#include "mutex_watch_fixture.h"

namespace memrig {
namespace {

TEST_F(MutexWatchTest, IsWatchedOnce) {
    EXPECT_EQ(kernel.probe.watchpoints, std::set<std::uint64_t>{kMutex});
    EXPECT_TRUE(watch.watch(kMutex, "lock"));
    EXPECT_EQ(kernel.probe.watchpoints.size(), 1u);
}

TEST_F(MutexWatchTest, TakenAndReleased) {
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(1, kAdder, 0);
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kAdder, "releases lock")}));
    EXPECT_EQ(events[0].vcpu, 1u);
    EXPECT_EQ(events[0].instance, kMutex);
    EXPECT_FALSE(events[0].shared);
}

// As in an rt_mutex: the owner is not the first word.
TEST_F(MutexWatchTest, AMutexIsKnownByItsStartWhereverItsOwnerLies) {
    MutexWatch other{kernel.conductor, paths, [this](LockEvent event) { events.push_back(std::move(event)); },
                     [](std::uint64_t, std::uint64_t) { return false; }, 24};
    const auto looks = kernel.conductor.on_stop([&](const Arrival& stop) { return other.look(stop); });
    ASSERT_TRUE(other.watch(kOtherMutex, "other"));
    writes(1, kAdder, kMutexWatchAdderTask, kOtherMutex + 24);
    EXPECT_EQ(told(), Lines{line(kAdder, "takes other")});
    EXPECT_EQ(events[0].instance, kOtherMutex);
}

// The adder stops for its release, and by then the onliner has the mutex already: its own stop was lost.
TEST_F(MutexWatchTest, AReleaseThatAnotherTakesAtOnceIsNoWish) {
    writes(2, kOnliner, kMutexWatchOnlinerTask);  // whose stack is known from now on
    writes(2, kOnliner, 0);
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(1, kAdder, kMutexWatchOnlinerTask);
    EXPECT_EQ(told(), (Lines{line(kOnliner, "takes lock"), line(kOnliner, "releases lock"), line(kAdder, "takes lock"),
                             line(kAdder, "releases lock"), line(kOnliner, "takes lock")}));
}

TEST_F(MutexWatchTest, AFailedAttemptIsAWish) {
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(2, kOnliner, kMutexWatchAdderTask);  // x86's cmpxchg writes the old value back where it fails
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock")}));
}

TEST_F(MutexWatchTest, AWaiterThatSaysSoIsAWish) {
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(2, kOnliner, kMutexWatchAdderTask | kWaiters);
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock")}));
}

TEST_F(MutexWatchTest, TheOwnersOwnWritesAreNoWish) {
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(1, kAdder, kMutexWatchAdderTask | kWaiters);
    EXPECT_EQ(told(), Lines{line(kAdder, "takes lock")});
}

TEST_F(MutexWatchTest, AFlagThatGoesIsNoEvent) {
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(2, kOnliner, kMutexWatchAdderTask | kWaiters | kHandoff);
    writes(2, kOnliner, kMutexWatchAdderTask | kWaiters);
    EXPECT_EQ(told().size(), 2u);
}

// The stop for its own write was lost: another's shows the flag, and the mutex's list says whose it is.
TEST_F(MutexWatchTest, AWaiterWhoseWriteWasNotReportedIsFoundInTheList) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    for (const std::uint64_t offset : {16, 0x58}) {  // without and with lockdep's map before it
        const std::uint64_t list = kMutex + offset, first = kOnliner + 0x1f00, second = kThird + 0x2e80;
        MutexWatch anew{kernel.conductor, paths, [this](LockEvent event) { events.push_back(std::move(event)); },
                        [](std::uint64_t, std::uint64_t) { return false; }};
        listening = kernel.conductor.on_stop([&anew](const Arrival& stop) { return anew.look(stop); });
        kernel.probe.poke_u64(kMutex, 0);
        ASSERT_TRUE(anew.watch(kMutex, "lock"));
        events.clear();
        writes(1, kAdder, kMutexWatchAdderTask);
        kernel.run();
        put_waiter(first, kMutexWatchOnlinerTask);
        put_waiter(second, kMutexWatchThirdTask);
        link(list, first, second);
        link(first, second, list);
        link(second, list, first);
        kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
        stops_elsewhere();
        EXPECT_EQ(told(),
                  (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock"), line(kThird, "wants lock")}));
        link(list, list, list);
        EXPECT_EQ(anew.gap(), "");
    }
}

// Since v7.1, a mutex points at its first waiter, and the waiters are a ring (commit 25500ba7e77c).
TEST_F(MutexWatchTest, TheWaitersOfAMutexWithAFirstWaiterAreFound) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t first = kOnliner + 0x1f00, second = kThird + 0x2e80;
    put_waiter(first, kMutexWatchOnlinerTask);
    put_waiter(second, kMutexWatchThirdTask);
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    kernel.probe.poke_u64(kMutex + 16, first);
    link(first, first, first);
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    stops_elsewhere();
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock")}));
    link(first, second, second);
    link(second, first, first);
    stops_elsewhere();
    EXPECT_EQ(told().back(), line(kThird, "wants lock"));
    EXPECT_EQ(events.size(), 3u);
    EXPECT_EQ(watch.gap(), "");
}

TEST_F(MutexWatchTest, MoreWaitersThanAreLookedAtAreALack) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t list = kMutex + 16;
    const auto waiter = [](std::uint64_t i) { return kThird + (i << 16) + 0x1f00; };
    // Makes a list of so many waiters.
    const auto queue = [&](std::uint64_t count) {
        for (std::uint64_t i = 1; i <= count; i++) {
            put_waiter(waiter(i), kMutexWatchThirdTask + (i << 13));
            link(waiter(i), i == count ? list : waiter(i + 1), i == 1 ? list : waiter(i - 1));
        }
        link(list, waiter(1), waiter(count));
        stops_elsewhere();
        kernel.run();
    };
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    queue(64);
    EXPECT_EQ(watch.lack(), "");
    EXPECT_EQ(events.size(), 65u);
    queue(65);
    EXPECT_EQ(watch.lack(), "only the first 64 tasks that wait for a mutex are looked at");
}

TEST_F(MutexWatchTest, ARingThatIsNotClosedTellsNothing) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t first = kOnliner + 0x1f00, second = kThird + 0x2e80;
    put_waiter(first, kMutexWatchOnlinerTask);
    put_waiter(second, kMutexWatchThirdTask);
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    kernel.probe.poke_u64(kMutex + 16, first);
    link(first, second, second);
    link(second, second, first);
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    stops_elsewhere();
    EXPECT_EQ(told(), Lines{line(kAdder, "takes lock")});
}

// A `struct device` has other lists behind its mutex, and none of them is of waiters.
TEST_F(MutexWatchTest, AnotherListIsNotTheWaiters) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t list = kMutex + 0x48, entry = 0xffff888005000048, waiter = kOnliner + 0x1f00;
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    link(list, entry, entry);
    link(entry, list, list);
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    stops_elsewhere();
    EXPECT_EQ(told(), Lines{line(kAdder, "takes lock")});
    EXPECT_EQ(watch.gap(), "the tasks that wait for a mutex: their list was not found in \"lock\"");

    put_waiter(waiter, kMutexWatchOnlinerTask);
    link(waiter, waiter, waiter);
    kernel.probe.poke_u64(kMutex + 16, waiter);
    stops_elsewhere();
    EXPECT_EQ(told().back(), line(kOnliner, "wants lock"));
    EXPECT_EQ(watch.gap(), "") << "it was only being changed";
}

TEST_F(MutexWatchTest, AWaiterOfTheListIsToldOnceAndNotWhenItIsTheOwner) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t list = kMutex + 16, waiter = kOnliner + 0x1f00;
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    put_waiter(waiter, kMutexWatchOnlinerTask);
    link(list, waiter, waiter);
    link(waiter, list, list);
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    stops_elsewhere();
    stops_elsewhere();
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock")}));

    // It has the mutex now, and is still in the list.
    events.clear();
    kernel.probe.poke_u64(kMutexWatchOnlinerTask + 0x20, kOnliner);
    kernel.probe.poke_u64(kMutex, kMutexWatchOnlinerTask | kWaiters);
    stops_elsewhere();
    EXPECT_EQ(told(), (Lines{line(kAdder, "releases lock"), line(kOnliner, "takes lock")}));
}

TEST_F(MutexWatchTest, AListThatIsBeingChangedOrMakesNoSenseTellsNothing) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t list = kMutex + 16, waiter = kOnliner + 0x1f00;
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    put_waiter(waiter, kMutexWatchOnlinerTask);
    link(list, waiter, waiter);
    link(waiter, list, waiter);  // nothing links back yet
    stops_elsewhere();
    EXPECT_EQ(told(), Lines{line(kAdder, "takes lock")});
    link(waiter, waiter, list);  // it never comes to an end
    stops_elsewhere();
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock")}));
    kernel.probe.absent.insert(kThird + 0x100);
    link(list, kThird + 0x100, waiter);
    stops_elsewhere();
    EXPECT_EQ(told().size(), 2u);
}

TEST_F(MutexWatchTest, AHandOverIsTheNewOwnersOnceItIsPickedUp) {
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(2, kOnliner, kMutexWatchAdderTask | kWaiters);
    writes(1, kAdder, kMutexWatchOnlinerTask | kWaiters | kPickup);
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kOnliner, "wants lock"), line(kAdder, "releases lock")}));
    writes(2, kOnliner, kMutexWatchOnlinerTask);
    EXPECT_EQ(told().back(), line(kOnliner, "takes lock"));
    EXPECT_EQ(events.size(), 4u);
}

TEST_F(MutexWatchTest, AReleaseThatWasNotReportedIsSeenAtTheNextStop) {
    ASSERT_TRUE(kernel.conductor.watch(kernel.at("bus_probe_device"),
                                       [](const Arrival&) -> Result<Response> { return Response::pass(); }));
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    kernel.probe.poke_u64(kMutex, 0);
    kernel.will_call(2, kOnliner, "bus_probe_device", "online_store");
    EXPECT_EQ(told(), (Lines{line(kAdder, "takes lock"), line(kAdder, "releases lock")}));
    EXPECT_EQ(events[1].where, "?") << "another's stack does not tell where";
}

TEST_F(MutexWatchTest, ATakeThatWasNotReportedIsTheOwnersIfItIsKnown) {
    ASSERT_TRUE(kernel.conductor.watch(kernel.at("bus_probe_device"),
                                       [](const Arrival&) -> Result<Response> { return Response::pass(); }));
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(1, kAdder, 0);
    kernel.run();
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask);
    kernel.will_call(2, kOnliner, "bus_probe_device", "online_store");
    EXPECT_EQ(told().back(), line(kAdder, "takes lock"));
    kernel.probe.poke_u64(kMutex, kMutexWatchOnlinerTask);
    kernel.will_call(2, kThird, "bus_probe_device", "online_store");
    EXPECT_EQ(told().back(), line(kMutexWatchOnlinerTask, "takes lock"))
        << "an owner that was never seen stands for itself";
}

// x86 has `stack` at 0x20, POWER behind 256 bytes of thread_info.
TEST_F(MutexWatchTest, ATakeThatWasNotReportedIsTheOwnersByItsTaskStruct) {
    ASSERT_TRUE(kernel.conductor.watch(kernel.at("bus_probe_device"),
                                       [](const Arrival&) -> Result<Response> { return Response::pass(); }));
    for (const auto& [owner, task, stack_at] :
         {std::tuple(kMutexWatchAdderTask, kAdder, 0x20), {kMutexWatchOnlinerTask, kOnliner, 0x108}}) {
        kernel.probe.poke_u64(owner + static_cast<std::uint64_t>(stack_at), task);
        kernel.probe.poke_u64(kMutex, owner);
        kernel.will_call(2, kThird, "bus_probe_device", "online_store");
        EXPECT_EQ(told().back(), line(task, "takes lock"));
    }
}

// A task that ends leaves its task_struct to the next one that is made.
TEST_F(MutexWatchTest, ATaskStructThatAnotherTaskHasNowIsReadAnew) {
    constexpr std::uint64_t stack_at = 0x20;
    kernel.probe.poke_u64(kMutexWatchAdderTask + stack_at, kAdder);
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(1, kAdder, 0);
    EXPECT_EQ(told().size(), 2u);
    EXPECT_EQ(watch.owners().at(kMutexWatchAdderTask).task, kAdder);

    kernel.probe.poke_u64(kMutexWatchAdderTask + stack_at, kOnliner);
    events.clear();
    EXPECT_EQ(watch.owners().at(kMutexWatchAdderTask).bytes[stack_at + 1],
              static_cast<char>(kAdder >> 8));  // as it was
    writes(1, kOnliner, kMutexWatchAdderTask);
    EXPECT_EQ(told(), Lines{line(kOnliner, "takes lock")});
    EXPECT_EQ(watch.owners().at(kMutexWatchAdderTask).task, kOnliner);
}

TEST_F(MutexWatchTest, EachMutexHasItsOwn) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    writes(1, kAdder, kMutexWatchAdderTask);
    writes(2, kOnliner, kMutexWatchOnlinerTask, kOtherMutex);
    writes(1, kAdder, 0);
    EXPECT_EQ(told(),
              (Lines{line(kAdder, "takes lock"), line(kOnliner, "takes other"), line(kAdder, "releases lock")}));
}

TEST_F(MutexWatchTest, AMutexThatIsHeldAlreadyIsKnownToBe) {
    kernel.probe.poke_u64(kOtherMutex, kMutexWatchAdderTask);
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    writes(1, kAdder, 0, kOtherMutex);
    EXPECT_EQ(told(), Lines{line(kMutexWatchAdderTask, "releases other")});
}

TEST_F(MutexWatchTest, WhereItWasTakenIsTheFirstCallerOutsideTheMutexCode) {
    put_return(FakeKernel::sp(kAdder), "mutex_lock", "__mutex_lock");
    kernel.probe.poke_u64(FakeKernel::sp(kAdder) + 8, kernel.at("online_store", 0x60));  // behind no call
    put_return(FakeKernel::sp(kAdder) + 24, "acpi_device_hotplug", "mutex_lock");
    put_return(FakeKernel::sp(kAdder) + 40, "online_store", "acpi_device_hotplug");
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].where, "acpi_device_hotplug+0x41");
    EXPECT_EQ(events[0].path, (Lines{"acpi_device_hotplug+0x41", "online_store+0x41"}));
}

// The frame of the mutex code has places that nothing was written to: calls that ended long ago are still there. An
// interrupt and a wait that is over were told as the place of the wait (five of six deadlocks on 7.2).
TEST_F(MutexWatchTest, WhereATaskWaitsIsNoCallThatEndedLongAgo) {
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    put_return(FakeKernel::sp(kOnliner), "asm_sysvec_apic_timer_interrupt", "sysvec_apic_timer_interrupt");
    put_return(FakeKernel::sp(kOnliner) + 8, "schedule", "__schedule");
    put_return(FakeKernel::sp(kOnliner) + 16, "online_store", "schedule");
    put_return(FakeKernel::sp(kOnliner) + 32, "bus_probe_device", "mutex_lock");
    put_return(FakeKernel::sp(kOnliner) + 56, "acpi_device_hotplug", "bus_probe_device");
    writes(2, kOnliner, kMutexWatchAdderTask | kWaiters);
    kernel.run();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].where, "bus_probe_device+0x41");
    EXPECT_EQ(events[1].path, (Lines{"bus_probe_device+0x41", "acpi_device_hotplug+0x41"}));
}

TEST_F(MutexWatchTest, AStackWithoutACallOfTheMutexCodeTellsNoPlace) {
    put_return(FakeKernel::sp(kAdder), "asm_sysvec_apic_timer_interrupt", "sysvec_apic_timer_interrupt");
    put_return(FakeKernel::sp(kAdder) + 8, "online_store", "schedule");
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].where, "?");
    EXPECT_EQ(events[0].path, Lines{});
}

TEST_F(MutexWatchTest, WhereATaskOfTheListWaitsIsReadFromItsOwnStack) {
    ASSERT_TRUE(watch.watch(kOtherMutex, "other"));
    const std::uint64_t list = kMutex + 16, waiter = kOnliner + 0x1f00;
    writes(1, kAdder, kMutexWatchAdderTask);
    kernel.run();
    put_waiter(waiter, kMutexWatchOnlinerTask);
    link(list, waiter, waiter);
    link(waiter, list, list);
    put_return(waiter - 0x20, "acpi_device_hotplug", "mutex_lock");  // below its frame
    put_return(waiter + 0x28, "schedule", "__schedule");
    put_return(waiter + 0x48, "online_store", "mutex_lock");
    kernel.probe.poke_u64(kMutex, kMutexWatchAdderTask | kWaiters);
    stops_elsewhere();
    EXPECT_EQ(told().back(), line(kOnliner, "wants lock"));
    EXPECT_EQ(events.back().where, "online_store+0x41");
}

}  // namespace
}  // namespace memrig
