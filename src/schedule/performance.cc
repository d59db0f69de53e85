#include "schedule/performance.h"

#include <algorithm>

namespace memrig {

bool shows_standstill(const StuckSample& first, const StuckSample& second) {
    if (first.blocked.empty() || second.blocked.empty() || first.lock_events != second.lock_events) return false;
    const auto same_wish = [](const WaitLink& a, const WaitLink& b) {
        return a.wants.task == b.wants.task && a.wants.instance == b.wants.instance && a.wants.lock == b.wants.lock;
    };
    if (first.cycle || second.cycle)
        return first.cycle && second.cycle && std::ranges::equal(*first.cycle, *second.cycle, same_wish);
    return std::ranges::equal(first.blocked, second.blocked, [](const BlockedTask& a, const BlockedTask& b) {
        return a.tid == b.tid && a.stack == b.stack;
    });
}

}  // namespace memrig
