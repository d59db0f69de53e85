// A mutex of a make-believe kernel whose owner is written to.
#pragma once

#include <algorithm>

#include "kernel_fixture.h"
#include "watch/mutex_watch.h"

namespace memrig {

using Lines = std::vector<std::string>;

inline constexpr std::uint64_t kMutex = 0xffffffff82000100;
inline constexpr std::uint64_t kOtherMutex = 0xffffffff82000200;
// Their task_structs; the low bits are the mutex's flags.
inline constexpr std::uint64_t kMutexWatchAdderTask = 0xffff888003000000;
inline constexpr std::uint64_t kMutexWatchOnlinerTask = 0xffff888003002000;
inline constexpr std::uint64_t kMutexWatchThirdTask = 0xffff888003004000;
inline constexpr std::uint64_t kWaiters = 1, kHandoff = 2, kPickup = 4;

class MutexWatchTest : public ::testing::Test {
protected:
    void SetUp() override {
        listening = kernel.conductor.on_stop([this](const Arrival& stop) { return watch.look(stop); });
        ASSERT_TRUE(watch.watch(kMutex, "lock"));
    }
    // `task`, running on `vcpu`, has written `owner` to the mutex.
    void writes(unsigned vcpu, std::uint64_t task, std::uint64_t owner, std::uint64_t mutex = kMutex) {
        kernel.probe.will_write(vcpu, kernel.at("mutex_lock", 0x20), mutex, owner, {{"rsp", FakeKernel::sp(task)}});
    }
    // "ffffc90000004000 takes lock", oldest first.
    Lines told() {
        kernel.run();
        Lines lines;
        for (const auto& event : events)
            lines.push_back(fmt::format("{:x} {} {}", event.task, to_string(event.action), event.lock));
        return lines;
    }
    static std::string line(std::uint64_t task, const char* what) { return fmt::format("{:x} {}", task, what); }

    // A word at `place` on a stack that says: `caller` has called `callee` at caller+0x41, and that has not returned.
    void put_return(std::uint64_t place, const std::string& caller, const std::string& callee) {
        const std::uint64_t back = kernel.at(caller, 0x41);
        const auto distance = static_cast<std::uint32_t>(kernel.at(callee) - back);
        std::string call = "\xe8";
        for (unsigned i = 0; i < 4; i++) call += static_cast<char>(distance >> (8 * i));
        ASSERT_TRUE(kernel.probe.write_memory(0, back - call.size(), call));
        kernel.probe.poke_u64(place, back);
    }

    FakeKernel kernel{{"mutex_lock", "mutex_unlock", "__mutex_lock.constprop.0", "acpi_device_hotplug", "online_store",
                       "bus_probe_device", "schedule", "__schedule", "asm_sysvec_apic_timer_interrupt",
                       "sysvec_apic_timer_interrupt"}};
    CallPaths paths{kernel.symbols};
    Subscription listening;
    std::vector<LockEvent> events;
    // The links of a `struct mutex_waiter` at `waiter`, one of kMutex's list.
    void link(std::uint64_t waiter, std::uint64_t next, std::uint64_t previous) {
        kernel.probe.poke_u64(waiter, next);
        kernel.probe.poke_u64(waiter + 8, previous);
    }
    // The task of a `struct mutex_waiter` on the stack of `task`, with its task_struct.
    void put_waiter(std::uint64_t waiter, std::uint64_t task_struct) {
        kernel.probe.poke_u64(waiter + 16, task_struct);
        kernel.probe.poke_u64(task_struct + 0x20, waiter & ~(kernel.conductor.stack_bytes() - 1));
    }
    // A stop that is about nothing.
    void stops_elsewhere() { writes(0, kThird, 0, kOtherMutex); }

    MutexWatch watch{kernel.conductor, paths, [this](LockEvent event) { events.push_back(std::move(event)); },
                     [this](std::uint64_t task, std::uint64_t) {
                         return std::ranges::any_of(events, [&](const LockEvent& event) {
                             return event.task == task && event.action == LockAction::wants;
                         });
                     }};
};

}  // namespace memrig
