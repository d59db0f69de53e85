// A second source of the lock ledger, on kernels that have it (lockdep): the tracepoints lock:lock_acquire and lock:lock_release
// (include/trace/events/lock.h), read through tracefs. Where both exist they have to agree.
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
    bool acquire = false;  // else a release. Of a lock that is waited for, the wish; of a trylock, its success
    bool shared = false;
    std::string lock;  // lockdep's name of it: "device_hotplug_lock"
    bool operator==(const TracedLock&) const = default;
};

// What tracefs's file `trace` says of them; lines that are something else are passed over. Foreign text: bounded, never throws.
std::vector<TracedLock> parse_lock_trace(std::string_view text);

// Lets the guest trace device_hotplug_lock, mem_hotplug_lock and acpi_scan_lock from now on. Fault::user_input where its kernel has no
// such tracepoints.
Status start_lock_trace(GuestLink& guest, Deadline deadline);
Result<std::vector<TracedLock>> read_lock_trace(GuestLink& guest, Deadline deadline);

// What one of the two saw of a task and the other did not; empty where they agree. `pids` are the pids of the ledger's tasks, as far as
// they are known: only those are compared, and `compared` says how many were.
std::vector<std::string> lock_trace_disagreements(const std::vector<LockEvent>& ledger,
                                                  const std::map<std::uint64_t, int>& pids,
                                                  const std::vector<TracedLock>& trace, std::size_t& compared);

}  // namespace memrig
