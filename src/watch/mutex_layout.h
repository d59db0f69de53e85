// Finds out, on the running guest, whether a mutex begins with its owner: what MutexWatch counts on.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

enum class MutexLayout {
    owner_first,  // kernel/locking/mutex.c: the first word is the owner's task_struct and three flags
    elsewhere,    // the first word is not the owner: an rt_mutex (PREEMPT_RT) begins with a spinlock
    unknown       // no call of mutex_trylock() that took its mutex was seen
};
const char* to_string(MutexLayout layout);  // "a mutex begins with its owner", ...

// Looks at mutexes that tasks have just taken by mutex_trylock(). lock_device_hotplug_sysfs() calls it for each write
// to an attribute of a memory block (drivers/base/core.c, since v3.11). Same thread as the conductor, which must
// outlive it.
class MutexProbe {
public:
    // Sets its breakpoints. A kernel without the symbol leaves the layout unknown.
    static Result<std::unique_ptr<MutexProbe>> make(Conductor& conductor, const SymbolTable& symbols);
    MutexProbe(const MutexProbe&) = delete;
    MutexProbe& operator=(const MutexProbe&) = delete;

    // Returns the layout that was seen so far. One mutex whose first word is not its owner settles it.
    [[nodiscard]] MutexLayout layout() const { return layout_; }
    // Removes its breakpoints. REQUIRES: called before this object ends.
    Status end();

private:
    explicit MutexProbe(Conductor& conductor) : conductor_(conductor) {}
    Result<Response> at_trylock(const Arrival& arrival);
    Status taken(const Arrival& arrival, std::uint64_t mutex);

    Conductor& conductor_;
    MutexLayout layout_ = MutexLayout::unknown;
    std::vector<Conductor::WatchId> watches_;
    std::shared_ptr<bool> seen_ = std::make_shared<bool>(true);  // false once nobody asks: a call may return later
};

}  // namespace memrig
