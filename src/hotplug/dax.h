// A dax device that the bench has: the memory that its kmem driver makes system RAM of.
#pragma once

#include <cstdint>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

// Its name, and the file that it is bound to the kmem driver by (drivers/dax/kmem.c).
inline constexpr const char* kDaxDevice = "dax0.0";
inline constexpr const char* kDaxKmemBind = "/sys/bus/dax/drivers/kmem/bind";

// Its memory, as the guest's kernel has it, in blocks. A bench whose dax device is no whole number of them is Fault::user_input.
Result<BlockRange> find_dax(GuestLink& agent, std::uint64_t block_bytes, Deadline deadline);

}  // namespace memrig
