#include "hotplug/dimm.h"

#include "hotplug/ask_qemu.h"

namespace memrig {

namespace {

// Returns QEMU's refusal, for the caller to judge. Anything else is an error.
Result<QmpRefusal> refusal_of(const QmpError& error, const std::string& what) {
    if (error.fault == QmpFault::refused) return QmpRefusal{what, error.error_class, error.description};
    Error plain = error.error();
    plain.message = what + ": " + plain.message;
    return std::unexpected(plain);
}

}  // namespace

Error QmpRefusal::error() const {
    return {Fault::user_input, fmt::format("{}: QEMU refused: {}", what, description), {}};
}

Result<Answer<PluggedDimm>> plug_dimm(QmpClient& qmp, const DimmSpec& spec, Deadline deadline) {
    const auto made = qmp.execute(
        "object-add", {{"qom-type", "memory-backend-ram"}, {"id", spec.backend}, {"size", spec.bytes}}, deadline);
    if (!made) {
        MEMRIG_TRY(QmpRefusal refusal, refusal_of(made.error(), "object-add " + spec.backend));
        return Answer<PluggedDimm>(std::unexpect, std::move(refusal));
    }
    const nlohmann::json device = {
        {"driver", spec.nvdimm ? "nvdimm" : "pc-dimm"}, {"id", spec.id}, {"memdev", spec.backend}, {"node", spec.node}};
    const auto added = qmp.execute("device_add", device, deadline);
    if (!added) {
        (void)remove_backend(qmp, spec.backend, deadline);
        MEMRIG_TRY(QmpRefusal refusal, refusal_of(added.error(), "device_add " + spec.id));
        return Answer<PluggedDimm>(std::unexpect, std::move(refusal));
    }
    MEMRIG_TRY(const PluggedDimm dimm, find_dimm(qmp, spec, deadline));
    return dimm;
}

Result<PluggedDimm> find_dimm(QmpClient& qmp, const DimmSpec& spec, Deadline deadline) {
    MEMRIG_TRY(const auto devices, ask_qemu(qmp, "query-memory-devices", {}, deadline, Fault::rig));
    for (const auto& entry : devices) {
        const nlohmann::json data = entry.value("data", nlohmann::json::object());
        if (data.value("id", "") != spec.id) continue;
        const PluggedDimm dimm{data.value("addr", std::uint64_t{0}), data.value("size", std::uint64_t{0})};
        if (dimm.bytes != spec.bytes)
            return fail(Fault::rig, "QEMU made {} of {} bytes, not {}", spec.id, dimm.bytes, spec.bytes);
        return dimm;
    }
    return fail(Fault::rig, "QEMU does not list the device {} that it accepted", spec.id);
}

std::optional<BlockRange> blocks_of(const PluggedDimm& dimm, std::uint64_t block_bytes) {
    if (block_bytes == 0 || dimm.bytes == 0 || dimm.address % block_bytes != 0 || dimm.bytes % block_bytes != 0)
        return std::nullopt;
    return BlockRange{dimm.address / block_bytes, (dimm.address + dimm.bytes) / block_bytes - 1};
}

Result<Answer<void>> unplug_dimm(QmpClient& qmp, const std::string& id, Deadline deadline) {
    const auto asked = qmp.execute("device_del", {{"id", id}}, deadline);
    if (asked) return Answer<void>();
    MEMRIG_TRY(QmpRefusal refusal, refusal_of(asked.error(), "device_del " + id));
    return Answer<void>(std::unexpect, std::move(refusal));
}

Result<QemuMemory> look_at_qemu(QmpClient& qmp, Deadline deadline) {
    QemuMemory memory;
    MEMRIG_TRY(const auto devices, ask_qemu(qmp, "query-memory-devices", {}, deadline, Fault::rig));
    for (const auto& entry : devices)
        memory.devices.insert(entry.value("data", nlohmann::json::object()).value("id", ""));
    MEMRIG_TRY(const auto objects, ask_qemu(qmp, "qom-list", {{"path", "/objects"}}, deadline, Fault::rig));
    for (const auto& object : objects)
        if (object.value("type", "").starts_with("child<memory-backend-"))
            memory.backends.insert(object.value("name", ""));
    return memory;
}

Status remove_backend(QmpClient& qmp, const std::string& backend, Deadline deadline) {
    MEMRIG_CHECK(ask_qemu(qmp, "object-del", {{"id", backend}}, deadline, Fault::rig));
    return {};
}

}  // namespace memrig
