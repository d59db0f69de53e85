// Finds out, on the running guest, what the watchers count on: where a mutex has its owner, and how large a kernel
// stack is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Looks at mutexes that tasks have just taken by mutex_trylock() (see locks::mutex_tries), and at the stacks of these
// tasks.
// lock_device_hotplug_sysfs() calls it for each write to an attribute of a memory block (drivers/base/core.c, since
// v3.11). Same thread as the conductor, which must outlive it.
class LayoutProbe {
public:
    // Sets its breakpoints. A kernel without the symbol shows nothing.
    static Result<std::unique_ptr<LayoutProbe>> make(Conductor& conductor, const SymbolTable& symbols);
    LayoutProbe(const LayoutProbe&) = delete;
    LayoutProbe& operator=(const LayoutProbe&) = delete;

    // Returns the offset of the owner's task_struct in a mutex, in bytes: 0 for kernel/locking/mutex.c, behind a
    // spinlock and a tree of waiters for an rt_mutex (PREEMPT_RT, include/linux/rtmutex.h). Nothing if no mutex was
    // seen being taken, or if not all of them show their owner at one place.
    [[nodiscard]] std::optional<std::uint64_t> owner_offset() const;
    // Returns THREAD_SIZE in bytes. The kernel writes STACK_END_MAGIC to the far end of each stack
    // (set_task_stack_end_magic(), kernel/fork.c). 0 if it was not seen there, or not the same for all tasks.
    [[nodiscard]] std::uint64_t stack_bytes() const { return stacks_agree_ ? stack_bytes_ : 0; }
    // Returns how many mutexes were seen being taken.
    [[nodiscard]] unsigned taken() const { return taken_; }
    // Removes its breakpoints. REQUIRES: called before this object ends.
    Status end();

private:
    explicit LayoutProbe(Conductor& conductor) : conductor_(conductor) {}
    Result<Response> at_trylock(const Arrival& arrival);
    Status look_at_stack(const Arrival& arrival);
    Status look_at_mutex(const Arrival& arrival, std::uint64_t mutex);

    Conductor& conductor_;
    std::optional<std::vector<std::uint64_t>> offsets_;  // those at which every mutex had its owner
    std::uint64_t stack_bytes_ = 0;
    bool stacks_agree_ = true;
    unsigned taken_ = 0;
    std::vector<Conductor::WatchId> watches_;
    std::shared_ptr<bool> seen_ = std::make_shared<bool>(true);  // false once nobody asks: a call may return later
};

}  // namespace memrig
