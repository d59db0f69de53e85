// A pc-dimm, or an NVDIMM: plugged through QMP, and what of the guest's memory it becomes.
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

// QEMU understood, and said no.
struct QmpRefusal {
    std::string what;  // "device_add dimm0"
    std::string error_class, description;
    [[nodiscard]] std::string text() const { return error_class + ": " + description; }
    // As Fault::user_input, for who did not expect it.
    [[nodiscard]] Error error() const;
};
template <class T>
using Answer = std::expected<T, QmpRefusal>;

struct PluggedDimm {
    std::uint64_t address = 0, bytes = 0;
};

// A range of memory blocks, both ends in it.
struct BlockRange {
    std::uint64_t first = 0, last = 0;
    [[nodiscard]] std::uint64_t count() const { return last - first + 1; }
    [[nodiscard]] bool contains(std::uint64_t block) const { return first <= block && block <= last; }
};

// Makes the backend and the device (object-add, device_add), and asks QEMU where the device is. Where QEMU refuses the device, its
// backend is removed again.
Result<Answer<PluggedDimm>> plug_dimm(QmpClient& qmp, const DimmSpec& order, Deadline deadline);

// Where QEMU has put the device, which it has. Fault::rig if it is not as ordered.
Result<PluggedDimm> find_dimm(QmpClient& qmp, const DimmSpec& order, Deadline deadline);

// The blocks of `block_bytes` that it will be, if it is a whole number of them.
std::optional<BlockRange> blocks_of(const PluggedDimm& dimm, std::uint64_t block_bytes);

// Asks the guest to give the device up (device_del). It does so by and by, or refuses: that shows in the guest.
Result<Answer<void>> unplug_dimm(QmpClient& qmp, const std::string& id, Deadline deadline);

// What QEMU has beside the memory that the machine began with.
struct QemuMemory {
    std::set<std::string> devices;   // ids of memory devices
    std::set<std::string> backends;  // ids of memory backends
};
Result<QemuMemory> look_at_qemu(QmpClient& qmp, Deadline deadline);
// A device that is gone leaves its backend behind: removes it.
Status remove_backend(QmpClient& qmp, const std::string& backend, Deadline deadline);

}  // namespace memrig
