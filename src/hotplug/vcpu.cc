#include "hotplug/vcpu.h"

#include "hotplug/ask_qemu.h"

namespace memrig {

Status plug_vcpu(QmpClient& qmp, Deadline deadline) {
    MEMRIG_TRY(const auto slots, ask_qemu(qmp, "query-hotpluggable-cpus", {}, deadline, Fault::user_input));
    // QEMU lists the slots in reverse, so the last free one of the list is the first vCPU.
    const nlohmann::json* free = nullptr;
    for (const auto& slot : slots)
        if (!slot.contains("qom-path")) free = &slot;
    if (free == nullptr) return fail(Fault::user_input, "this bench has no vCPU that is not plugged yet (vcpus.spare)");
    nlohmann::json device = free->value("props", nlohmann::json::object());
    device["driver"] = free->value("type", "");
    device["id"] = "vcpu0";
    MEMRIG_CHECK(ask_qemu(qmp, "device_add", device, deadline, Fault::user_input, "device_add vcpu0"));
    return {};
}

}  // namespace memrig
