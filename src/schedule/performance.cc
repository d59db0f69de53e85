#include "schedule/performance.h"

#include <algorithm>

namespace memrig {

bool shows_standstill(const StuckSample& first, const StuckSample& second) {
    if (first.blocked.empty() || first.lock_events != second.lock_events) return false;
    const auto same_task = [](const BlockedTask& a, const BlockedTask& b) {
        return a.tid == b.tid && a.stack == b.stack;
    };
    if (!first.cycle && !second.cycle) return std::ranges::equal(first.blocked, second.blocked, same_task);
    const auto same_wish = [](const WaitLink& a, const WaitLink& b) {
        return a.wants.task == b.wants.task && a.wants.instance == b.wants.instance && a.wants.lock == b.wants.lock;
    };
    if (!first.cycle || !second.cycle || !std::ranges::equal(*first.cycle, *second.cycle, same_wish)) return false;
    // The cycle's tasks are known by the addresses of their stacks, the blocked ones by their tids: as many have to
    // stand still.
    const auto still = std::ranges::count_if(first.blocked, [&](const BlockedTask& one) {
        return std::ranges::any_of(second.blocked, [&](const BlockedTask& other) { return same_task(one, other); });
    });
    return static_cast<std::size_t>(still) >= first.cycle->size();
}

}  // namespace memrig
