#include "oracle/lock_order.h"

#include <algorithm>
#include <map>

namespace memrig {

namespace {

// The limits of a search for cycles.
constexpr std::size_t kMostCycles = 64;
constexpr std::size_t kMostSteps = 200'000;

// Returns the locks that keep the tasks of both edges from being there at the same time: both hold them, and one of
// them not as a reader.
std::set<std::string> gates_of(const LockEdge& one, const LockEdge& other) {
    std::set<std::string> gates;
    for (const auto& gate : one.gates)
        if (other.gates.contains(gate) || other.shared_gates.contains(gate)) gates.insert(gate);
    for (const auto& gate : other.gates)
        if (one.shared_gates.contains(gate)) gates.insert(gate);
    return gates;
}

// Returns true if the task of `holder` makes that of `waiter` wait. Two readers of a lock do not exclude each other.
bool blocks(const LockEdge& holder, const LockEdge& waiter) {
    return holder.from == waiter.to && holder.task != waiter.task && !(holder.from_shared && waiter.to_shared);
}

// Returns true if the task of `one` also holds the lock that `other` starts from, so that both cannot be in one cycle.
bool holds_start_of(const LockEdge& one, const LockEdge& other) {
    return one.gates.contains(other.from) || (one.shared_gates.contains(other.from) && !other.from_shared);
}

// Searches for cycles that no gate makes harmless, or for those that one does. The search for the first kind leaves
// each path at its first gate. So it is short where all locks are taken under one lock.
class CycleSearch {
public:
    CycleSearch(const std::vector<LockEdge>& edges, bool gated) : edges_(edges), gated_(gated) {
        for (std::size_t i = 0; i < edges_.size(); i++) from_[edges_[i].from].push_back(i);
    }

    LockCycles search() {
        std::set<std::uint64_t> tasks;  // a cycle has each task once
        for (const auto& edge : edges_) tasks.insert(edge.task);
        for (length_ = 2; length_ <= tasks.size() && found_.complete && longer_; length_++) {
            longer_ = false;
            for (std::size_t first = 0; first < edges_.size() && found_.complete; first++) {
                path_ = {first};
                extend();
            }
        }
        return std::move(found_);
    }

private:
    // Follows the path, whose first edge is its first one in the order of the list, up to length_ edges.
    void extend() {
        if (++steps_ > kMostSteps || found_.cycles.size() >= kMostCycles) found_.complete = false;
        if (!found_.complete) return;
        const LockEdge& last = edges_[path_.back()];
        if (path_.size() == length_) {
            if (blocks(edges_[path_.front()], last)) add();
            else longer_ = true;
            return;
        }
        const auto next = from_.find(last.to);
        if (next == from_.end()) return;
        for (const std::size_t edge : next->second) {
            if (edge <= path_.front() || !blocks(edges_[edge], last) || !fits(edges_[edge])) continue;
            path_.push_back(edge);
            extend();
            path_.pop_back();
        }
    }

    // Returns whether the edge can be in a cycle with those of the path: another task, and another lock.
    [[nodiscard]] bool fits(const LockEdge& edge) const {
        return std::ranges::all_of(path_, [&](std::size_t index) {
            const LockEdge& other = edges_[index];
            return edge.task != other.task && edge.from != other.from && !holds_start_of(edge, other) &&
                   !holds_start_of(other, edge) && (gated_ || gates_of(edge, other).empty());
        });
    }

    void add() {
        LockCycle cycle;
        for (const std::size_t edge : path_) cycle.edges.push_back(edges_[edge]);
        for (std::size_t i = 0; i < cycle.edges.size(); i++)
            for (std::size_t j = i + 1; j < cycle.edges.size(); j++)
                cycle.gates.merge(gates_of(cycle.edges[i], cycle.edges[j]));
        if (cycle.gates.empty() != gated_) found_.cycles.push_back(std::move(cycle));
    }

    const std::vector<LockEdge>& edges_;
    bool gated_;
    std::map<std::string, std::vector<std::size_t>> from_;  // the edges, by the lock that they start from
    std::vector<std::size_t> path_;
    std::size_t length_ = 2;
    std::size_t steps_ = 0;
    bool longer_ = true;  // there is a path of this length, which may belong to a longer cycle
    LockCycles found_;
};

// Returns the edges that can be in a cycle: the others lead nowhere, or nothing leads to them.
std::vector<LockEdge> edges_in_cycles(std::vector<LockEdge> edges) {
    for (std::size_t before = edges.size() + 1; edges.size() < before;) {
        before = edges.size();
        std::set<std::string> starts, ends;
        for (const auto& edge : edges) {
            starts.insert(edge.from);
            ends.insert(edge.to);
        }
        std::erase_if(edges,
                      [&](const LockEdge& edge) { return !starts.contains(edge.to) || !ends.contains(edge.from); });
    }
    return edges;
}

}  // namespace

std::vector<LockEdge> lock_edges(const std::vector<LockEvent>& events) {
    LockEdges edges;
    for (const auto& event : events) edges.follow(event);
    return edges.edges();
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

LockCycles lock_cycles(const std::vector<LockEvent>& events) { return lock_cycles(lock_edges(events)); }

LockCycles lock_cycles(const std::vector<LockEdge>& all) {
    const auto edges = edges_in_cycles(all);
    LockCycles found = CycleSearch(edges, false).search();
    for (auto& cycle : CycleSearch(edges, true).search().cycles) found.cycles.push_back(std::move(cycle));
    return found;
}

}  // namespace memrig
