// Gives memory to a guest that is Xen's dom0, through its balloon driver (drivers/xen/balloon.c).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

struct BalloonRequest {
    std::string target;  // what to write to kXenBalloonTarget
    BlockRange blocks;   // what the kernel will add
};

// The file that takes the size that dom0 shall have, in KiB (drivers/xen/xen-balloon.c).
inline constexpr const char* kXenBalloonTarget = "/sys/devices/system/xen_memory/xen_memory0/target_kb";

// Works out how to ask for `bytes` more. REQUIRES: the guest runs, and the balloon has reached its target.
// Fault::user_input if `bytes` are no whole number of memory blocks. Fault::guest if there is no room for them.
Result<BalloonRequest> ask_xen_balloon(GuestLink& agent, std::uint64_t bytes, std::uint64_t block_bytes,
                                       Deadline deadline);

// The address at which additional_memory_resource() puts memory of that size: allocate_resource() takes the first gap
// between the resources of /proc/iomem in which it fits, aligned to a section. Nothing if none is left. A kernel may
// choose otherwise one day: the accounting oracle takes such a trial for no proof.
std::optional<std::uint64_t> first_gap(std::string_view iomem, std::uint64_t bytes, std::uint64_t section_bytes);

}  // namespace memrig
