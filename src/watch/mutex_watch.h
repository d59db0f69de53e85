// Sees which task takes and releases a mutex by the mutex's owner field. A write to that field stops the guest, and the
// field is read at every stop. So it does not matter which function takes the mutex, or whether it is inlined.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/assert.h"
#include "base/error.h"
#include "probe/conductor.h"
#include "watch/call_path.h"
#include "watch/lock_event.h"
#include "watch/owner_tasks.h"

namespace memrig {

// `struct mutex` begins with `owner`: the owner's task_struct with three flags in the low bits (kernel/locking/mutex.c;
// since v4.10, commit 3ca0ff571b09). Each task that sleeps in wait for the mutex has a `struct mutex_waiter` in its
// `wait_list`. Since v7.1, the waiters are a ring instead, and `first_waiter` points at one of them (commit
// 25500ba7e77c). The waiter begins with the links, then names its task_struct, and lies on the task's own stack
// (__mutex_lock_common()).
// The conductor and the paths must outlive it. Used on the conductor's thread.
class MutexWatch {
public:
    // `is_known(task, mutex)` says whether `listener` knows already that the task wants the mutex and waits for it.
    // `owner_offset` is where a mutex has its owner, in bytes. Where it is not 0, as in an rt_mutex, the waiters are
    // not looked for: each of them writes its wish into the owner itself (mark_rt_mutex_waiters(),
    // kernel/locking/rtmutex.c).
    MutexWatch(Conductor& conductor, CallPaths& paths, std::function<void(LockEvent)> listener,
               std::function<bool(std::uint64_t, std::uint64_t)> is_known, std::uint64_t owner_offset = 0)
        : conductor_(conductor),
          paths_(paths),
          listener_(std::move(listener)),
          is_known_(std::move(is_known)),
          owner_offset_(owner_offset),
          tasks_(conductor) {
        MEMRIG_ASSERT(listener_ && is_known_, "a mutex watch is given both functions");
    }

    // Reports every change of the mutex at `address` from now on, as a LockEvent with that name. REQUIRES: a name.
    Status watch(std::uint64_t address, const std::string& name);
    // Looks for changes of all watched mutexes. REQUIRES: called at every stop.
    Status look(const Arrival& stop);
    // Returns "", or a text for the report if tasks were seen to wait for a mutex, but not which.
    [[nodiscard]] std::string gap() const;
    // Returns "", or a line if more tasks waited for a mutex at once than are looked at: the first 64.
    [[nodiscard]] std::string lack() const;
    // Returns how often two readings of an owner at one stop differed: the probe cannot be trusted then.
    [[nodiscard]] std::size_t misreadings() const { return misreadings_; }
    // Returns each owner that was seen, as it was then, by the address of its task_struct. It may have ended since.
    [[nodiscard]] const std::map<std::uint64_t, TaskStruct>& owners() const { return tasks_.all(); }

private:
    struct Mutex {
        std::string name;
        std::uint64_t owner;  // the field's last known value
    };
    // An event to tell of. `inside` is an address on the task's stack, in the frames of the mutex code or below them;
    // 0 if the stack does not show where the event took place.
    struct Told {
        LockAction action;
        std::uint64_t task;
        std::uint64_t inside;
    };
    Status changed(std::uint64_t address, Mutex& mutex, std::uint64_t owner, const Arrival& stop);
    // Reports the tasks in the mutex's wait list that are not known to want it, because their own stop was lost.
    Status find_waiters(std::uint64_t address, const Mutex& mutex, const Arrival& stop);
    // Returns the waiters of the mutex, oldest first. Empty if there are none, if the list is just being changed, or if
    // it cannot be found.
    Result<std::vector<std::uint64_t>> waiters_of(std::uint64_t address, unsigned vcpu);
    // Returns the waiters from `first` on, which the word at `link` points at. A list ends at `link`, and a ring at the
    // first waiter. Empty if it is neither, as with any other list that lies near.
    Result<std::vector<std::uint64_t>> waiters_from(std::uint64_t first, std::uint64_t link, unsigned vcpu);
    // Returns true if `waiter` lies on the stack of the task whose task_struct it names. Checked until the place of the
    // list is known.
    Result<bool> is_waiter(std::uint64_t waiter, std::uint64_t task_struct, unsigned vcpu);
    // Returns the base of the kernel stack on which `address` lies.
    [[nodiscard]] std::uint64_t stack_of(std::uint64_t address) const;
    Status tell(const Told& told, std::uint64_t address, const Mutex& mutex, const Arrival& stop);

    Conductor& conductor_;
    CallPaths& paths_;
    std::function<void(LockEvent)> listener_;
    std::function<bool(std::uint64_t, std::uint64_t)> is_known_;
    std::uint64_t owner_offset_;
    OwnerTasks tasks_;
    std::size_t misreadings_ = 0;
    std::map<std::uint64_t, Mutex> mutexes_;    // by the address of the owner
    std::optional<std::uint64_t> list_offset_;  // of the pointer to the first waiter in `struct mutex`, once known
    std::string unfound_;                       // a mutex that had waiters when none were found, or ""
    bool crowded_ = false;                      // a list of waiters was longer than what is looked at
};

}  // namespace memrig
