// Sees who takes and lets go of a mutex by the writes to its owner field: no matter which function does it, inlined or not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "probe/call_path.h"
#include "probe/conductor.h"
#include "probe/lock_event.h"

namespace memrig {

// `struct mutex` begins with `owner`: the owner's task_struct with three flags in the low bits (kernel/locking/mutex.c; since
// v4.10, commit 3ca0ff571b09). Same thread as the conductor, which must outlive it.
class MutexWatch {
public:
    MutexWatch(Conductor& conductor, CallPaths& paths, std::function<void(LockEvent)> listener)
        : conductor_(conductor), paths_(paths), listener_(std::move(listener)) {}

    // From now on, every change of the mutex at `address` becomes a LockEvent of that name.
    Status watch(std::uint64_t address, const std::string& name);
    [[nodiscard]] bool watches(std::uint64_t address) const { return mutexes_.contains(address); }

private:
    struct Mutex {
        std::string name;
        std::uint64_t owner;  // the field's last known value
    };
    Result<Response> at_write(Mutex& mutex, const Arrival& arrival);

    Conductor& conductor_;
    CallPaths& paths_;
    std::function<void(LockEvent)> listener_;
    std::map<std::uint64_t, Mutex> mutexes_;
};

}  // namespace memrig
