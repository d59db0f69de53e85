#include "play/random_delays.h"

#include "probe/function_watch.h"

namespace memrig {

namespace {
// At one of so many points, an actor sleeps, for up to so many short parks.
constexpr std::uint64_t kPointsPerDelay = 4;
constexpr std::uint64_t kMostParks = 10;
}  // namespace

Status RandomDelays::watch(const std::vector<std::string>& points) {
    MEMRIG_CHECK(cast_.parking().check());
    for (const auto& point : points) {
        if (symbols_.all(point).empty()) continue;
        MEMRIG_CHECK(watch_function(
            conductor_, symbols_, point, [this](const Arrival& arrival) { return at_point(arrival); }, Priority::park));
    }
    return {};
}

Result<Response> RandomDelays::at_point(const Arrival& arrival) {
    if (cast_.roster().actor_of(arrival.task).empty()) return Response::pass();
    unsigned& left = parks_left_[arrival.task];
    if (!arrival.again) left = random_() % kPointsPerDelay == 0 ? 1 + static_cast<unsigned>(random_() % kMostParks) : 0;
    if (left == 0) return Response::pass();
    left--;
    return cast_.parking().park(ParkReason::turn);
}

}  // namespace memrig
