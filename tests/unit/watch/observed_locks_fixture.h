// Made-up events of the observer, and the acts that they mean.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "watch/lock_names.h"
#include "watch/observed_locks.h"

namespace memrig {

inline constexpr std::uint64_t kObservedA = 0xffff888000100000, kObservedB = 0xffff888000200000,
                               kObservedC = 0xffff888000300000;
inline constexpr std::uint64_t kWaitersFlag = 1, kPickupFlag = 4;
enum Function : std::uint32_t {
    kLock,
    kTry,
    kUnlock,
    kDown,
    kSync,
    kUp,
    kRead,
    kUnread,
    kOther,
    kInner,
    kAnyLock,
    kAnyUnlock
};

class ObservedLocksTest : public testing::Test {
protected:
    void add(std::uint64_t task, Function function, std::uint16_t kind, std::uint64_t value = 0,
             std::uint32_t span = 0) {
        const auto vcpu = static_cast<std::uint16_t>(task >> 20 & 3);
        events.push_back(
            {++sequence, task, task + 8, value, function, span, vcpu, kind, called, called_from, arguments, 0, {}, {}});
    }
    void store(std::uint64_t task, Function function, std::uint64_t value, std::uint32_t span = 0) {
        add(task, function, OBSERVER_EVENT_STORE, value, span);
    }
    void load(std::uint64_t task, Function function, std::uint64_t value, std::uint32_t span = 0) {
        add(task, function, OBSERVER_EVENT_LOAD, value, span);
    }
    void enter(std::uint64_t task, Function function) { add(task, function, OBSERVER_EVENT_ENTRY); }
    void leave(std::uint64_t task, Function function) { add(task, function, OBSERVER_EVENT_LEAVE); }

    // "A takes", in order; a lock other than the first one by its number.
    std::vector<std::string> acts(bool guest_is_stopped = true) {
        std::vector<std::string> lines;
        for (const auto& act : locks.follow(std::exchange(events, {}), guest_is_stopped)) {
            const char* task = act.task == kObservedA ? "A" : act.task == kObservedB ? "B" : "C";
            lines.push_back(fmt::format("{} {}{}{}", task, to_string(act.action), act.shared ? " shared" : "",
                                        act.lock == mutex ? "" : fmt::format(" {}", act.lock)));
        }
        return lines;
    }

    std::vector<ObservedFunction> functions = {{ObservedRole::locks_mutex, "mutex_lock", ""},
                                               {ObservedRole::tries_mutex, "mutex_trylock", ""},
                                               {ObservedRole::unlocks_mutex, "mutex_unlock", ""},
                                               {ObservedRole::locks_rwsem, "percpu_down_write", ""},
                                               {ObservedRole::enters_rwsem, "rcu_sync_enter", ""},
                                               {ObservedRole::unlocks_rwsem, "percpu_up_write", ""},
                                               {ObservedRole::reads_rwsem, "cpus_read_lock", locks::cpu_hotplug},
                                               {ObservedRole::unreads_rwsem, "cpus_read_unlock", locks::cpu_hotplug},
                                               {ObservedRole::none, "slab_callback", "", true, true},
                                               {ObservedRole::none, "bus_notify", "", true, true},
                                               {ObservedRole::none, "down_write", "", true, true, LockCall::locks},
                                               {ObservedRole::none, "up_write", "", true, true, LockCall::unlocks}};
    ObservedLocks locks{functions};
    std::uint32_t mutex = locks.add_mutex(0, 0);
    std::vector<ObserverEvent> events;
    std::uint64_t sequence = 0;
    std::uint32_t called = 0;  // of the events that are added next
    std::uint64_t called_from = 0;
    std::uint32_t arguments = 0;
};

}  // namespace memrig
