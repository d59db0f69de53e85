// Checks the lock ledger against a second source on kernels with lockdep: the tracepoints lock:lock_acquire and
// lock:lock_release (include/trace/events/lock.h), read through tracefs. If a kernel has both, they must agree.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "guest/guest_link.h"
#include "watch/lock_event.h"

namespace memrig {

struct TracedLock {
    int pid = 0;
    std::string comm;
    // True for lock_acquire, false for lock_release. A call that may wait is traced when it begins, a trylock when it
    // succeeds.
    bool acquire = false;
    bool shared = false;
    std::string lock;  // lockdep's name for it: "device_hotplug_lock"
    bool operator==(const TracedLock&) const = default;
};

struct LockTrace {
    std::vector<TracedLock> events;
    // A line about events that are missing; empty if none is. The kernel overwrites the oldest ones if its buffer is
    // too small, and memrig keeps the first 100,000.
    std::string lack = {};
};

// Parses the lock events in the text of tracefs's file `trace`, and skips all other lines. The text comes from the
// guest: the number of events is bounded, and bad text is never an error.
LockTrace parse_lock_trace(std::string_view text);

// Makes the guest trace device_hotplug_lock, mem_hotplug_lock and acpi_scan_lock from now on. Fault::user_input if its
// kernel has no such tracepoints.
Status start_lock_trace(GuestLink& guest, Deadline deadline);
Result<LockTrace> read_lock_trace(GuestLink& guest, Deadline deadline);

// Returns, for each task, the first step at which the two sources differ. Empty if they agree. `pids` are the known
// pids of the ledger's tasks: only those tasks are compared. Sets `compared` to the number of tasks with a step in
// at least one source.
std::vector<std::string> lock_trace_disagreements(const std::vector<LockEvent>& ledger,
                                                  const std::map<std::uint64_t, int>& pids,
                                                  const std::vector<TracedLock>& trace, std::size_t& compared);

}  // namespace memrig
