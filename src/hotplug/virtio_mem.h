// A virtio-mem device that the bench has: how much of its memory the guest is asked to take.
#pragma once

#include <cstdint>

#include "hotplug/dimm.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Asks the guest to take `bytes` of the machine's only virtio-mem device, more or less than it has, and returns the blocks that it then
// has. The guest does so by and by. A machine without such a device is Fault::user_input, as is a size that QEMU refuses.
Result<BlockRange> request_virtio_mem(QmpClient& qmp, std::uint64_t bytes, std::uint64_t block_bytes,
                                      Deadline deadline);

}  // namespace memrig
