#include "hotplug/dimm.h"

namespace memrig {

namespace {

Error plug_error(const QmpError& error, const std::string& what) {
    Error plain = error.error();
    if (error.fault == QmpFault::refused) plain = {Fault::user_input, "QEMU refused: " + error.description, {}};
    plain.message = what + ": " + plain.message;
    return plain;
}

}  // namespace

Result<BlockRange> plug_dimm(QmpClient& qmp, const DimmOrder& order, std::uint64_t block_bytes, Deadline deadline) {
    const std::string backend = "mem-" + order.id;
    const auto made = qmp.execute(
        "object-add", {{"qom-type", "memory-backend-ram"}, {"id", backend}, {"size", order.bytes}}, deadline);
    if (!made) return std::unexpected(plug_error(made.error(), "object-add " + backend));
    const nlohmann::json device = {{"driver", "pc-dimm"}, {"id", order.id}, {"memdev", backend}, {"node", order.node}};
    const auto added = qmp.execute("device_add", device, deadline);
    if (!added) {
        (void)qmp.execute("object-del", {{"id", backend}}, deadline);
        return std::unexpected(plug_error(added.error(), "device_add " + order.id));
    }
    const auto devices = qmp.execute("query-memory-devices", {}, deadline);
    if (!devices) return std::unexpected(plug_error(devices.error(), "query-memory-devices"));
    for (const auto& entry : *devices) {
        const nlohmann::json data = entry.value("data", nlohmann::json::object());
        if (data.value("id", "") != order.id) continue;
        const auto address = data.value("addr", std::uint64_t{0});
        const auto bytes = data.value("size", std::uint64_t{0});
        if (bytes != order.bytes || block_bytes == 0 || address % block_bytes != 0 || bytes % block_bytes != 0)
            return fail(Fault::rig, "QEMU put {} of {} bytes at {:#x}, which is no whole number of blocks of {} bytes",
                        order.id, bytes, address, block_bytes);
        return BlockRange{address / block_bytes, (address + bytes) / block_bytes - 1};
    }
    return fail(Fault::rig, "QEMU does not list the device {} that it accepted", order.id);
}

Status unplug_dimm(QmpClient& qmp, const std::string& id, Deadline deadline) {
    const auto asked = qmp.execute("device_del", {{"id", id}}, deadline);
    if (!asked) return std::unexpected(plug_error(asked.error(), "device_del " + id));
    return {};
}

}  // namespace memrig
