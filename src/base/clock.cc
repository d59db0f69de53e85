#include "base/clock.h"

#include <algorithm>
#include <limits>

namespace memrig {

namespace {
class SteadyClock final : public Clock {
public:
    SteadyTime now() const override { return std::chrono::steady_clock::now(); }
};
}  // namespace

const Clock& steady_clock() {
    static const SteadyClock clock;
    return clock;
}

Duration Deadline::remaining() const {
    const SteadyTime now = std::chrono::steady_clock::now();
    // `at_` may be SteadyTime::min(), whose distance to `now` does not fit into a Duration.
    return at_ > now ? at_ - now : Duration::zero();
}

int Deadline::poll_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(remaining()).count();
    return static_cast<int>(std::min<long long>(left, std::numeric_limits<int>::max()));
}

}  // namespace memrig
