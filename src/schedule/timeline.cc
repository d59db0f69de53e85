#include "schedule/timeline.h"

#include <algorithm>
#include <cmath>

namespace memrig {

void Timeline::add(std::string actor, std::string what, std::string text, std::optional<unsigned> vcpu) {
    happenings_.push_back({steady_clock().now(), std::move(actor), std::move(what), std::move(text), vcpu});
}

std::vector<TimelineEvent> Timeline::sorted() const {
    std::vector<TimelineEvent> list = happenings_;
    std::ranges::stable_sort(list, {}, &TimelineEvent::at);
    return list;
}

nlohmann::json Timeline::json() const {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& happening : sorted()) {
        const double ms = std::round(seconds(happening.at - origin_) * 1e6) / 1e3;
        nlohmann::json entry = {
            {"ms", ms}, {"actor", happening.actor}, {"what", happening.what}, {"text", happening.text}};
        if (happening.vcpu) entry["vcpu"] = *happening.vcpu;
        list.push_back(std::move(entry));
    }
    return {{"schema", 1}, {"happenings", std::move(list)}};
}

}  // namespace memrig
