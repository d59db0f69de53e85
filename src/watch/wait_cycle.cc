// The ledger's wait-for graph.
#include <algorithm>
#include <set>

#include "base/assert.h"
#include "watch/lock_ledger.h"

namespace memrig {

namespace {
// Follows "waits for a lock that X holds" from `task` to `start`. A lock may have several holders if they are readers:
// any one of them will do.
bool leads_to(std::uint64_t start, std::uint64_t task, const std::map<std::uint64_t, LockEvent>& wanted,
              const std::map<std::uint64_t, std::vector<LockEvent>>& held, std::set<std::uint64_t>& seen,
              WaitCycle& path) {
    const auto wish = wanted.find(task);
    if (wish == wanted.end() || !seen.insert(task).second) return false;
    const std::size_t depth = path.size();
    path.push_back({wish->second, {}});
    for (const auto& [holder, locks] : held) {
        const auto taken = std::ranges::find(locks, wish->second.lock, &LockEvent::lock);
        if (holder == task || taken == locks.end()) continue;
        MEMRIG_ASSERT(depth < path.size(), "the link is still in the path");
        path[depth].taken = *taken;
        if (holder == start || leads_to(start, holder, wanted, held, seen, path)) return true;
    }
    path.pop_back();
    return false;
}
}  // namespace

std::optional<WaitCycle> LockLedger::wait_cycle() const {
    for (const auto& [start, wish] : wanted_) {
        WaitCycle path;
        std::set<std::uint64_t> seen;
        if (leads_to(start, start, wanted_, held_, seen, path)) return path;
    }
    return std::nullopt;
}

}  // namespace memrig
