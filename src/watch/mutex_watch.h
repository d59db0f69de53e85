// Sees who takes and lets go of a mutex by its owner field, which it reads whenever the guest stops, and which stops the guest when
// it is written to: no matter which function does it, inlined or not.
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
#include "watch/task_names.h"

namespace memrig {

// `struct mutex` begins with `owner`: the owner's task_struct with three flags in the low bits (kernel/locking/mutex.c; since
// v4.10, commit 3ca0ff571b09). Who sleeps in wait for it is in its `wait_list`, by a `struct mutex_waiter` that begins with the list's links and
// lies on the waiter's own stack (__mutex_lock_common()). Same thread as the conductor, which must outlive it.
class MutexWatch {
public:
    // `is_known` says of a task and a mutex whether the former was told to want the latter, and nothing came of it yet.
    MutexWatch(Conductor& conductor, CallPaths& paths, std::function<void(LockEvent)> listener,
               std::function<bool(std::uint64_t, std::uint64_t)> is_known)
        : conductor_(conductor), paths_(paths), listener_(std::move(listener)), is_known_(std::move(is_known)) {
        MEMRIG_ASSERT(listener_ && is_known_, "a mutex watch is given both functions");
    }

    // From now on, every change of the mutex at `address` becomes a LockEvent of that name.
    Status watch(std::uint64_t address, const std::string& name);
    // Looks at all of them: to be called at every stop.
    Status look(const Arrival& stop);
    // By the address of its task_struct: each owner seen, as it was then. It may have ended since.
    [[nodiscard]] const std::map<std::uint64_t, TaskStruct>& owners() const { return tasks_; }

private:
    struct Mutex {
        std::string name;
        std::uint64_t owner;  // the field's last known value
    };
    Status changed(std::uint64_t address, Mutex& mutex, std::uint64_t owner, const Arrival& stop);
    // The task (kernel stack) of an owner (task_struct): its `stack` member, which is the first pointer in it that is aligned as
    // stacks are (include/linux/sched.h: behind thread_info and the state). Where there is none, the owner itself stands for it.
    Result<std::uint64_t> task_of(std::uint64_t owner, unsigned vcpu);
    // The same of one that has just become owner: where it was one before, that may have ended, and this be another task in its place.
    Result<std::uint64_t> taker_of(std::uint64_t owner, unsigned vcpu);
    // Tells of those who sleep in wait for the mutex and whose own stop was lost: it has a list of them.
    Status find_waiters(std::uint64_t address, const Mutex& mutex, const Arrival& stop);
    // Where its list is, of a mutex that has one now; nothing while that is just being changed.
    Result<std::optional<std::uint64_t>> list_of_waiters(std::uint64_t address, unsigned vcpu);
    Status tell(LockAction action, std::uint64_t task, std::uint64_t address, const Mutex& mutex, const Arrival& stop);

    Conductor& conductor_;
    CallPaths& paths_;
    std::function<void(LockEvent)> listener_;
    std::function<bool(std::uint64_t, std::uint64_t)> is_known_;
    std::map<std::uint64_t, Mutex> mutexes_;
    std::map<std::uint64_t, TaskStruct> tasks_;  // by owner
    std::optional<std::uint64_t> list_offset_;   // of the list in `struct mutex`, once it is known
};

}  // namespace memrig
