#include "hotplug/unplug_error.h"

#include <algorithm>

namespace memrig {

bool unplug_failed(const std::vector<QmpEvent>& events, const std::string& device) {
    return std::ranges::any_of(events, [&](const QmpEvent& event) {
        if (event.name != kUnplugError && event.name != "MEM_UNPLUG_ERROR") return false;
        const auto of = event.data.is_object() ? event.data.find("device") : event.data.end();
        return of != event.data.end() && of->is_string() && of->get<std::string>() == device;
    });
}

}  // namespace memrig
