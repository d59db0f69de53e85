// Plugs a pc-dimm or an NVDIMM through QMP, and tells which memory blocks of the guest it becomes.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "machine/hotplug_api.h"
#include "qmp/qmp_client.h"

namespace memrig {

// QEMU understood a command and refused it.
struct QmpRefusal {
    std::string what;  // "device_add dimm0"
    std::string error_class, description;
    [[nodiscard]] std::string text() const { return error_class + ": " + description; }
    // The refusal as Fault::user_input, for a caller that did not expect it.
    [[nodiscard]] Error error() const;
};
template <class T>
using Answer = std::expected<T, QmpRefusal>;

struct PluggedDimm {
    std::uint64_t address = 0, bytes = 0;
};

// A range of memory blocks, both ends included.
struct BlockRange {
    std::uint64_t first = 0, last = 0;
    [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
    [[nodiscard]] bool contains(std::uint64_t block) const { return first <= block && block <= last; }
};

// Makes the memory backend and the device (object-add, device_add), and asks QEMU where the device is. If QEMU refuses
// the device, the backend is removed again.
Result<Answer<PluggedDimm>> plug_dimm(QmpClient& qmp, const DimmSpec& spec, Deadline deadline);

// Asks QEMU where a plugged device is. Fault::rig if QEMU does not list it, or if its size is not that of `spec`.
Result<PluggedDimm> find_dimm(QmpClient& qmp, const DimmSpec& spec, Deadline deadline);

// The memory blocks that the DIMM becomes; nothing if it is not a whole number of blocks.
std::optional<BlockRange> blocks_of(const PluggedDimm& dimm, std::uint64_t block_bytes);

// Asks the guest to give the device up (device_del). The guest does so later, or refuses; either shows in the guest.
Result<Answer<void>> unplug_dimm(QmpClient& qmp, const std::string& id, Deadline deadline);

// The memory devices and memory backends of QEMU.
struct QemuMemory {
    std::set<std::string> devices, backends;  // ids
};
Result<QemuMemory> look_at_qemu(QmpClient& qmp, Deadline deadline);
// Removes the memory backend of a device that is gone: QEMU leaves it behind.
Status remove_backend(QmpClient& qmp, const std::string& backend, Deadline deadline);

}  // namespace memrig
