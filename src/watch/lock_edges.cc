#include "watch/lock_edges.h"

#include <algorithm>

namespace memrig {

void LockEdges::want(std::uint64_t task, const Asked& asked) {
    const auto held = held_.find(task);
    if (held == held_.end()) return;
    for (const auto& from : held->second) {
        if (from.lock == asked.lock) continue;
        LockEdge edge{from.lock, asked.lock, from.shared, asked.shared, task, {}, {}, from.where, asked.where};
        for (const auto& other : held->second)
            if (other.lock != from.lock && other.lock != asked.lock)
                (other.shared ? edge.shared_gates : edge.gates).insert(other.lock);
        for (const auto& gate : edge.gates) edge.shared_gates.erase(gate);
        if (known_.insert({task, edge.from, edge.to, edge.from_shared, edge.to_shared, edge.gates, edge.shared_gates})
                .second)
            edges_.push_back(std::move(edge));
    }
}

void LockEdges::take(std::uint64_t task, const Asked& asked) { held_[task].push_back(asked); }

bool LockEdges::release(std::uint64_t task, const std::string& lock) {
    const auto held = held_.find(task);
    if (held == held_.end()) return false;
    const auto last = std::ranges::find(held->second.rbegin(), held->second.rend(), lock, &Asked::lock);
    if (last == held->second.rend()) return false;
    held->second.erase(std::next(last).base());
    if (held->second.empty()) held_.erase(held);
    return true;
}

void LockEdges::downgrade(std::uint64_t task, const std::string& lock) {
    for (auto& one : held_[task])
        if (one.lock == lock) one.shared = true;
}

void LockEdges::follow(const LockEvent& event) {
    const Asked asked{event.lock, event.shared, event.where};
    if (event.action == LockAction::releases) release(event.task, event.lock);
    if (event.action == LockAction::wants || event.action == LockAction::takes) want(event.task, asked);
    if (event.action == LockAction::takes) take(event.task, asked);
}

void LockEdges::forget(const std::string& lock) {
    for (auto& [task, held] : held_) std::erase_if(held, [&](const Asked& one) { return one.lock == lock; });
}

std::set<std::uint64_t> LockEdges::other_holders(std::uint64_t task, const std::string& lock, bool shared) const {
    std::set<std::uint64_t> others;
    for (const auto& [other, held] : held_)
        for (const auto& one : held)
            if (other != task && one.lock == lock && !(shared && one.shared)) others.insert(other);
    return others;
}

bool LockEdges::holds(std::uint64_t task, const std::string& lock) const {
    const auto held = held_.find(task);
    return held != held_.end() && std::ranges::find(held->second, lock, &Asked::lock) != held->second.end();
}

}  // namespace memrig
