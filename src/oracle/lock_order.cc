#include "oracle/lock_order.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace memrig {

std::vector<LockEdge> lock_edges(const std::vector<LockEvent>& events) {
    std::vector<LockEdge> edges;
    std::map<std::uint64_t, std::vector<LockEvent>> held;  // by task
    std::set<std::tuple<std::uint64_t, std::string, std::string, std::set<std::string>>> known;
    for (const auto& event : events) {
        auto& own = held[event.task];
        if (event.action == LockAction::releases) {
            const auto last = std::ranges::find(own.rbegin(), own.rend(), event.lock, &LockEvent::lock);
            if (last != own.rend()) own.erase(std::next(last).base());
        }
        if (event.action != LockAction::wants && event.action != LockAction::takes) continue;
        for (const auto& from : own) {
            if (from.lock == event.lock) continue;
            LockEdge edge{from.lock, event.lock, from.shared, event.shared, event.task, {}, from.where, event.where};
            for (const auto& other : own)
                if (!other.shared && other.lock != from.lock && other.lock != event.lock) edge.gates.insert(other.lock);
            if (known.emplace(edge.task, edge.from, edge.to, edge.gates).second) edges.push_back(std::move(edge));
        }
        if (event.action == LockAction::takes) own.push_back(event);
    }
    return edges;
}

OrderCheck check_order(const std::vector<LockEvent>& events, const std::string& first, const std::string& second) {
    OrderCheck check;
    std::map<std::uint64_t, int> holds;  // by task: how often it holds `first`
    for (const auto& event : events) {
        if (event.lock == first && event.action == LockAction::takes) holds[event.task]++;
        if (event.lock == first && event.action == LockAction::releases && holds[event.task] > 0) holds[event.task]--;
        if (event.lock != second || event.shared || event.action != LockAction::takes) continue;
        if (holds[event.task] > 0) check.seen = true;
        else if (!check.breach) check.breach = event;
    }
    return check;
}

std::vector<LockInversion> lock_inversions(const std::vector<LockEvent>& events) {
    const auto edges = lock_edges(events);
    std::vector<LockInversion> inversions;
    for (std::size_t i = 0; i < edges.size(); i++) {
        for (std::size_t j = i + 1; j < edges.size(); j++) {
            const LockEdge& one = edges[i];
            const LockEdge& other = edges[j];
            if (one.task == other.task || one.from != other.to || one.to != other.from) continue;
            if ((one.from_shared && other.to_shared) || (one.to_shared && other.from_shared)) continue;
            LockInversion inversion{one, other, {}};
            std::ranges::set_intersection(one.gates, other.gates,
                                          std::inserter(inversion.gates, inversion.gates.end()));
            inversions.push_back(std::move(inversion));
        }
    }
    return inversions;
}

}  // namespace memrig
