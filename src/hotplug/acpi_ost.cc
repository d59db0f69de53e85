#include "hotplug/acpi_ost.h"

#include <algorithm>

#include <fmt/format.h>

namespace memrig {

namespace {

constexpr unsigned kEjectInProgress = 0x84;  // include/linux/acpi.h, ACPI_OST_SC_EJECT_IN_PROGRESS

// The data is foreign: a malformed value counts as absent.
std::string text_of(const nlohmann::json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<unsigned> number_of(const nlohmann::json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (found == object.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > 0xffffffff)
        return std::nullopt;
    return found->get<unsigned>();
}

}  // namespace

std::optional<unsigned> last_ost(const std::vector<QmpEvent>& events, const std::string& device, OstSource source) {
    std::optional<unsigned> last;
    std::string slot;
    for (const auto& event : events) {
        if (event.name != "ACPI_DEVICE_OST" || !event.data.is_object() || !event.data.contains("info")) continue;
        const nlohmann::json& info = event.data["info"];
        if (text_of(info, "slot-type") != "DIMM") continue;
        const std::string of = text_of(info, "device");
        if (of == device) slot = text_of(info, "slot");
        else if (!of.empty() || slot.empty() || text_of(info, "slot") != slot) continue;
        const auto status = number_of(info, "status");
        if (status && *status != kEjectInProgress && number_of(info, "source") == static_cast<unsigned>(source))
            last = status;
    }
    return last;
}

bool was_deleted(const std::vector<QmpEvent>& events, const std::string& device) {
    return std::ranges::any_of(events, [&](const QmpEvent& event) {
        return event.name == "DEVICE_DELETED" && text_of(event.data, "device") == device;
    });
}

std::string ost_text(unsigned status) { return fmt::format("_OST: {:#x}", status); }

std::string acpi_refusal(const std::vector<QmpEvent>& events, const std::string& device, OstSource source) {
    const auto status = last_ost(events, device, source);
    if (!status) return "no _OST";
    if (*status != 0) return ost_text(*status);
    return source == OstSource::ejection_request && !was_deleted(events, device) ? "no DEVICE_DELETED" : "";
}

}  // namespace memrig
