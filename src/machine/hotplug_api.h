// Memory hotplug by who keeps account of a machine's devices: a management layer, where there is one above QEMU.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

struct DimmSpec {
    std::string id;           // QEMU's device id
    std::string backend;      // the id of the object that has its memory
    std::uint64_t bytes = 0;  // of a pc-dimm: a multiple of the guest's block size, or the kernel will not have it
    int node = 0;
    bool nvdimm = false;  // or a pc-dimm
};

// A virtio-mem device that is plugged while the guest runs.
struct VirtioMemSpec {
    std::string id, backend;
    std::uint64_t most = 0;       // that it can give
    std::uint64_t requested = 0;  // that the guest is to take at once
    int node = 0;
};

// What it plugs is seen through the machine's QmpClient under the names given here, whatever it calls them itself. Not thread-safe.
class HotplugApi {
public:
    virtual ~HotplugApi() = default;
    // A multiple of 1 MiB. A refusal is Fault::rig: who wants to see QEMU's own asks QEMU. Fault::user_input where an NVDIMM cannot have its file.
    virtual Status attach_dimm(const DimmSpec& order, Deadline deadline) = 0;
    // A refusal is Fault::rig.
    virtual Status attach_virtio_mem(const VirtioMemSpec& order, Deadline deadline) = 0;
    // How much of a virtio-mem device the guest is to take. REQUIRES: knows(id), of a virtio-mem device. A refusal is Fault::rig.
    virtual Status request_size(const std::string& id, std::uint64_t bytes, Deadline deadline) = 0;
    // Waits until it is known here that the guest has taken `bytes` of it, which QEMU said.
    virtual Status await_size(const std::string& id, std::uint64_t bytes, Deadline deadline) = 0;
    // Whether `id` was attached here, also when it is gone, or is a virtio-mem device of the bench's.
    [[nodiscard]] virtual bool knows(const std::string& id) const = 0;
    // Asks the guest to give the device up; REQUIRES: knows(id).
    virtual Status detach(const std::string& id, Deadline deadline) = 0;
    // Waits until it is known here that the guest does not give the device up, which QEMU said. REQUIRES: detach(id) was the last.
    virtual Status await_refusal(const std::string& id, Deadline deadline) = 0;
    // Waits until a device that QEMU has deleted is forgotten here, too, and its memory freed. REQUIRES: knows(id).
    virtual Status await_release(const std::string& id, Deadline deadline) = 0;
};

}  // namespace memrig
