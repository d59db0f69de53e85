#include "hotplug/virtio_mem.h"

#include "hotplug/ask_qemu.h"
#include "machine/bench.h"

namespace memrig {

namespace {

Result<BlockRange> blocks_of(const VirtioMem& device, std::uint64_t bytes, std::uint64_t block_bytes) {
    if (block_bytes == 0 || device.address % block_bytes != 0 || bytes % block_bytes != 0)
        return fail(Fault::user_input,
                    "{} bytes of a virtio-mem device at {:#x} are not a whole number of blocks of {} bytes", bytes,
                    device.address, block_bytes);
    const std::uint64_t first = device.address / block_bytes;
    return BlockRange{first, first + bytes / block_bytes - 1};
}

Status attach(QmpClient& qmp, const VirtioMemSpec& spec, Deadline deadline) {
    const nlohmann::json memory = {{"qom-type", "memory-backend-ram"}, {"id", spec.backend}, {"size", spec.most}};
    MEMRIG_CHECK(ask_qemu(qmp, "object-add", memory, deadline, Fault::user_input));
    const nlohmann::json device = {{"driver", "virtio-mem-pci"},       {"id", spec.id},
                                   {"memdev", spec.backend},           {"node", spec.node},
                                   {"requested-size", spec.requested}, {"bus", kPlugPort}};
    MEMRIG_CHECK(ask_qemu(qmp, "device_add", device, deadline, Fault::user_input));
    return {};
}

}  // namespace

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
    MEMRIG_TRY(const BlockRange blocks, blocks_of(device, bytes, block_bytes));
    if (api != nullptr && api->knows(device.id)) {
        MEMRIG_CHECK(api->request_size(device.id, bytes, deadline));
    } else {
        const std::string path = "/machine/peripheral/" + device.id;
        MEMRIG_CHECK(ask_qemu(qmp, "qom-set", {{"path", path}, {"property", "requested-size"}, {"value", bytes}},
                              deadline, Fault::user_input, "requested-size of " + path));
    }
    return blocks;
}

Result<BlockRange> plug_virtio_mem(QmpClient& qmp, HotplugApi* api, const VirtioMemSpec& spec,
                                   std::uint64_t block_bytes, Deadline deadline) {
    MEMRIG_CHECK(api != nullptr ? api->attach_virtio_mem(spec, deadline) : attach(qmp, spec, deadline));
    MEMRIG_TRY(const VirtioMem device, find_virtio_mem(qmp, deadline));
    return blocks_of(device, spec.requested, block_bytes);
}

std::string given_up(std::string_view console) {
    const std::size_t at = console.find("marking device broken");
    const std::size_t end = console.find('\n', at);  // the error stands behind these words
    if (at == std::string_view::npos || end == std::string_view::npos) return {};
    const std::size_t before = console.rfind('\n', at);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    std::string_view line = console.substr(begin, end - begin);
    const std::size_t name = line.find("virtio_mem ");
    if (name == std::string_view::npos) return {};
    line.remove_prefix(name);
    while (line.ends_with('\r')) line.remove_suffix(1);
    return std::string(line);
}

}  // namespace memrig
