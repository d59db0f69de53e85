// A virtio-mem device: plugged, and how much of its memory the guest is asked to take.
#pragma once

#include <cstdint>

#include "hotplug/dimm.h"
#include "machine/hotplug_api.h"
#include "qmp/qmp_client.h"

namespace memrig {

struct VirtioMem {
    std::string id;
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;  // that the guest has
};
// The machine's only one; Fault::user_input where there is none.
Result<VirtioMem> find_virtio_mem(QmpClient& qmp, Deadline deadline);

// Asks the guest to take `bytes` of the machine's only virtio-mem device, more or less than it has, and returns the blocks that it then
// has. The guest does so by and by. `api` is who keeps account of the device, null where that is QEMU alone. A machine without such a device is
// Fault::user_input, as is a size that QEMU refuses.
Result<BlockRange> request_virtio_mem(QmpClient& qmp, HotplugApi* api, std::uint64_t bytes, std::uint64_t block_bytes,
                                      Deadline deadline);

// Plugs one into kPlugPort, of which the guest is asked at once to take `order.requested`, and returns the blocks that it then has. The machine
// must have no other. Faults as above.
Result<BlockRange> plug_virtio_mem(QmpClient& qmp, HotplugApi* api, const VirtioMemSpec& order,
                                   std::uint64_t block_bytes, Deadline deadline);

}  // namespace memrig
