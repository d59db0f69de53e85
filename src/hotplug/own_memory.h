// Memory that a bench's machine has from its beginning, and that its kernel makes system RAM of, or ceases to, when somebody writes to a file.
#pragma once

#include <cstdint>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

struct OwnMemory {
    const char* name;
    const char* address_file;
    const char* size_file;
    const char* control_file;  // somebody writes to it
    const char* text_that_adds;
    bool onlined_by_kernel;
};

// A dax device and its driver kmem (drivers/dax/kmem.c).
inline constexpr OwnMemory kDax = {"dax0.0",
                                   "/sys/bus/dax/devices/dax0.0/resource",
                                   "/sys/bus/dax/devices/dax0.0/size",
                                   "/sys/bus/dax/drivers/kmem/bind",
                                   "dax0.0",
                                   false};
// What memtrace has taken from node 0, and gives back; it takes memory away where a size is written
// (arch/powerpc/platforms/powernv/memtrace.c).
inline constexpr OwnMemory kMemtrace = {"memtrace",
                                        "/sys/kernel/debug/powerpc/memtrace/00000000/start",
                                        "/sys/kernel/debug/powerpc/memtrace/00000000/size",
                                        "/sys/kernel/debug/powerpc/memtrace/enable",
                                        "0",
                                        true};

// Its blocks, as the guest's kernel has it. A bench whose memory is no whole number of them is Fault::user_input.
Result<BlockRange> find_own_memory(GuestLink& agent, const OwnMemory& memory, std::uint64_t block_bytes,
                                   Deadline deadline);

}  // namespace memrig
