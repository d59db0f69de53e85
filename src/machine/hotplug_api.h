// Memory hotplug through a management layer above QEMU, such as libvirt, which keeps account of a machine's devices.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

struct DimmSpec {
    std::string id;           // QEMU's device id
    std::string backend;      // the id of the memory backend object
    std::uint64_t bytes = 0;  // for a pc-dimm: a multiple of the guest's block size, or the kernel refuses it
    int node = 0;
    bool nvdimm = false;  // false: a pc-dimm
};

// A virtio-mem device that is plugged while the guest runs.
struct VirtioMemSpec {
    std::string id, backend;
    std::uint64_t most = 0;       // bytes that it can give
    std::uint64_t requested = 0;  // bytes that the guest is to take at once
    int node = 0;
};

// The machine's QmpClient shows the devices under the names given here, whatever names the management layer gives them.
// Not thread-safe.
class HotplugApi {
public:
    virtual ~HotplugApi() = default;
    // Plugs a DIMM of a multiple of 1 MiB. A refusal is Fault::rig: to see QEMU's own refusal, plug the DIMM through
    // QEMU. Fault::host if the file of an NVDIMM cannot be made.
    virtual Status attach_dimm(const DimmSpec& spec, Deadline deadline) = 0;
    // Plugs a virtio-mem device. A refusal is Fault::rig.
    virtual Status attach_virtio_mem(const VirtioMemSpec& spec, Deadline deadline) = 0;
    // Asks the guest to take `bytes` of a virtio-mem device. A refusal is Fault::rig. REQUIRES: knows(id), and `id` is
    // a virtio-mem device.
    virtual Status request_size(const std::string& id, std::uint64_t bytes, Deadline deadline) = 0;
    // Waits until the management layer, too, knows that the guest has `bytes` of it. REQUIRES: QEMU has said so.
    virtual Status await_size(const std::string& id, std::uint64_t bytes, Deadline deadline) = 0;
    // Whether `id` was attached here, even if it is gone again, or is a virtio-mem device of the bench.
    [[nodiscard]] virtual bool knows(const std::string& id) const = 0;
    // Asks the guest to give the device up. REQUIRES: knows(id).
    virtual Status detach(const std::string& id, Deadline deadline) = 0;
    // Waits until the management layer, too, knows that the guest keeps the device. REQUIRES: QEMU has said so, and the
    // last detach() was of `id`.
    virtual Status await_refusal(const std::string& id, Deadline deadline) = 0;
    // Waits until the management layer, too, has removed a device that QEMU has deleted, and has freed its memory.
    // REQUIRES: knows(id).
    virtual Status await_release(const std::string& id, Deadline deadline) = 0;
};

}  // namespace memrig
