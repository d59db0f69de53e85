#include "schedule/timeline.h"

#include <algorithm>
#include <cmath>

namespace memrig {

void Timeline::add(std::string actor, std::string what, std::string text, std::optional<unsigned> vcpu) {
    events_.push_back({steady_clock().now(), std::move(actor), std::move(what), std::move(text), vcpu});
}

std::vector<TimelineEvent> Timeline::sorted() const {
    std::vector<TimelineEvent> list = events_;
    std::ranges::stable_sort(list, {}, &TimelineEvent::at);
    return list;
}

nlohmann::json Timeline::json() const {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& event : sorted()) {
        const double ms = std::round(seconds(event.at - origin_) * 1e6) / 1e3;
        nlohmann::json entry = {{"ms", ms}, {"actor", event.actor}, {"what", event.what}, {"text", event.text}};
        if (event.vcpu) entry["vcpu"] = *event.vcpu;
        list.push_back(std::move(entry));
    }
    return {{"schema", 1}, {"happenings", std::move(list)}};
}

}  // namespace memrig
