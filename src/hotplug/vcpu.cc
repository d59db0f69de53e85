#include "hotplug/vcpu.h"

#include <charconv>

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

std::optional<unsigned> count_cpus(const std::string& list) {
    unsigned count = 0;
    const char* at = list.data();
    const char* const end = at + list.size();
    for (;;) {
        unsigned first = 0;
        const auto begin = std::from_chars(at, end, first);
        if (begin.ec != std::errc()) return std::nullopt;
        unsigned last = first;
        at = begin.ptr;
        if (at != end && *at == '-') {
            const auto range = std::from_chars(at + 1, end, last);
            if (range.ec != std::errc() || last < first) return std::nullopt;
            at = range.ptr;
        }
        count += last - first + 1;
        if (at == end || *at == '\n') return count;
        if (*at++ != ',') return std::nullopt;
    }
}

}  // namespace memrig
