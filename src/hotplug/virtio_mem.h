// Plugs a virtio-mem device, and asks the guest to take more or less of its memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "hotplug/dimm.h"
#include "machine/hotplug_api.h"
#include "qmp/qmp_client.h"

namespace memrig {

struct VirtioMem {
    std::string id;
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;  // how much of it the guest has
};
// Finds the machine's only virtio-mem device. Fault::user_input if there is none.
Result<VirtioMem> find_virtio_mem(QmpClient& qmp, Deadline deadline);

// Asks the guest to take `bytes` of the machine's only virtio-mem device, more or less than it has now. Returns the
// blocks that the guest will have; it takes them, or gives them back, later. `api` is the management layer that keeps
// account of the device, null if there is none above QEMU. Fault::user_input if the machine has no such device, if
// `bytes` are not whole blocks, or if QEMU refuses the size.
Result<BlockRange> request_virtio_mem(QmpClient& qmp, HotplugApi* api, std::uint64_t bytes, std::uint64_t block_bytes,
                                      Deadline deadline);

// Plugs a device into kPlugPort, and asks the guest to take `spec.requested` of it at once. Returns the blocks that the
// guest will have. REQUIRES: the machine has no other virtio-mem device. Faults as above.
Result<BlockRange> plug_virtio_mem(QmpClient& qmp, HotplugApi* api, const VirtioMemSpec& spec,
                                   std::uint64_t block_bytes, Deadline deadline);

// Returns the line of the console with which the kernel's driver gives its device up for good, or "". It does so after
// an error that it does not know (virtio_mem_run_wq(), drivers/virtio/virtio_mem.c), and takes no memory any more.
std::string given_up(std::string_view console);

}  // namespace memrig
