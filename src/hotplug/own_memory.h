// Finds memory that a bench's machine has from the start. The kernel makes it system RAM, or takes it out of the system
// RAM, when somebody writes to a file.
#pragma once

#include <cstdint>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

struct OwnMemory {
    const char* name;
    const char* address_file;
    const char* size_file;
    const char* control_file;    // a write to it adds or removes the memory
    const char* text_that_adds;  // what to write to add the memory
    bool onlined_by_kernel;
    const char* removing_file;      // a write to it removes the memory
    const char* text_that_removes;  // what to write to remove the memory; null: how much of it, in bytes
};

// A dax device and its driver kmem (drivers/dax/kmem.c).
inline constexpr OwnMemory kDax = {"dax0.0",
                                   "/sys/bus/dax/devices/dax0.0/resource",
                                   "/sys/bus/dax/devices/dax0.0/size",
                                   "/sys/bus/dax/drivers/kmem/bind",
                                   "dax0.0",
                                   false,
                                   "/sys/bus/dax/drivers/kmem/unbind",
                                   "dax0.0"};
// The same device, which kmem has already. Its attribute `state` covers all of its blocks at once.
inline constexpr OwnMemory kDaxState = {"dax0.0",
                                        "/sys/bus/dax/devices/dax0.0/resource",
                                        "/sys/bus/dax/devices/dax0.0/size",
                                        "/sys/bus/dax/devices/dax0.0/state",
                                        "online",
                                        true,
                                        "/sys/bus/dax/devices/dax0.0/state",
                                        "unplugged"};
// Memory that memtrace has taken from node 0 and gives back (arch/powerpc/platforms/powernv/memtrace.c). To take
// memory, write a size.
inline constexpr OwnMemory kMemtrace = {"memtrace",
                                        "/sys/kernel/debug/powerpc/memtrace/00000000/start",
                                        "/sys/kernel/debug/powerpc/memtrace/00000000/size",
                                        "/sys/kernel/debug/powerpc/memtrace/enable",
                                        "0",
                                        true,
                                        "/sys/kernel/debug/powerpc/memtrace/enable",
                                        nullptr};

// Returns the memory's blocks, as the guest's kernel sees it. Fault::user_input if it is not a whole number of blocks.
Result<BlockRange> find_own_memory(GuestLink& agent, const OwnMemory& memory, std::uint64_t block_bytes,
                                   Deadline deadline);

}  // namespace memrig
