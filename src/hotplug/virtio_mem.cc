#include "hotplug/virtio_mem.h"

#include "hotplug/ask_qemu.h"

namespace memrig {

Result<VirtioMem> find_virtio_mem(QmpClient& qmp, Deadline deadline) {
    MEMRIG_TRY(const auto devices, ask_qemu(qmp, "query-memory-devices", {}, deadline, Fault::user_input));
    for (const auto& entry : devices) {
        if (entry.value("type", "") != "virtio-mem") continue;
        const nlohmann::json data = entry.value("data", nlohmann::json::object());
        return VirtioMem{data.value("id", ""), data.value("memaddr", std::uint64_t{0}),
                         data.value("size", std::uint64_t{0})};
    }
    return fail(Fault::user_input, "this bench has no virtio-mem device");
}

Result<BlockRange> request_virtio_mem(QmpClient& qmp, HotplugApi* api, std::uint64_t bytes, std::uint64_t block_bytes,
                                      Deadline deadline) {
    MEMRIG_TRY(const VirtioMem device, find_virtio_mem(qmp, deadline));
    if (block_bytes == 0 || device.address % block_bytes != 0 || bytes % block_bytes != 0)
        return fail(Fault::user_input,
                    "{} bytes of a virtio-mem device at {:#x} are no whole number of blocks of {} bytes", bytes,
                    device.address, block_bytes);
    if (api != nullptr && api->knows(device.id)) {
        MEMRIG_CHECK(api->request_size(device.id, bytes, deadline));
    } else {
        const std::string path = "/machine/peripheral/" + device.id;
        MEMRIG_CHECK(ask_qemu(qmp, "qom-set", {{"path", path}, {"property", "requested-size"}, {"value", bytes}},
                              deadline, Fault::user_input, "requested-size of " + path));
    }
    const std::uint64_t first = device.address / block_bytes;
    return BlockRange{first, first + bytes / block_bytes - 1};
}

}  // namespace memrig
