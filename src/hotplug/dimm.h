// A pc-dimm: plugged through QMP, and what of the guest's memory it becomes.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

struct DimmOrder {
    std::string id = "dimm0";  // QEMU's device id; its backend is "mem-" + id
    std::uint64_t bytes = 0;   // a multiple of the guest's block size
    int node = 0;
};

// A range of memory blocks, both ends in it.
struct BlockRange {
    std::uint64_t first = 0, last = 0;
    [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
};

// Makes the backend and the device (object-add, device_add), asks QEMU where the device is, and returns the blocks that it
// will be. QEMU's refusal is an error with Fault::user_input and QEMU's own words; the backend is then removed again.
Result<BlockRange> plug_dimm(QmpClient& qmp, const DimmOrder& order, std::uint64_t block_bytes, Deadline deadline);

// Asks the guest to give the device up (device_del). It does so by and by, or refuses: that shows in the guest.
Status unplug_dimm(QmpClient& qmp, const std::string& id, Deadline deadline);

}  // namespace memrig
