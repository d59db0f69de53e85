#include "hotplug/vcpu.h"

namespace memrig {

namespace {

Error plug_error(const QmpError& error, const std::string& what) {
    Error plain = error.error();
    if (error.fault == QmpFault::refused) plain = {Fault::user_input, "QEMU refused: " + error.description, {}};
    plain.message = what + ": " + plain.message;
    return plain;
}

}  // namespace

Status plug_vcpu(QmpClient& qmp, Deadline deadline) {
    const auto slots = qmp.execute("query-hotpluggable-cpus", {}, deadline);
    if (!slots) return std::unexpected(plug_error(slots.error(), "query-hotpluggable-cpus"));
    // QEMU lists the last one first.
    const nlohmann::json* free = nullptr;
    for (const auto& slot : *slots)
        if (!slot.contains("qom-path")) free = &slot;
    if (free == nullptr) return fail(Fault::user_input, "this bench has no vCPU that is not plugged yet (vcpus.spare)");
    nlohmann::json device = free->value("props", nlohmann::json::object());
    device["driver"] = free->value("type", "");
    device["id"] = "vcpu0";
    const auto added = qmp.execute("device_add", device, deadline);
    if (!added) return std::unexpected(plug_error(added.error(), "device_add vcpu0"));
    return {};
}

}  // namespace memrig
