// Finds lock inversions, with their gates (the Goodlock idea). Two tasks that take two locks in opposite orders can
// deadlock, unless both always hold a third lock, the gate, while they do so. So can three tasks over three locks, and
// so on. lockdep knows no gates, and does not check device locks at all.
//
// `events` are the ledger's, in the order of time. All functions only read them, so they are thread-safe.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/lock_edges.h"
#include "watch/lock_event.h"

namespace memrig {

// Edges of different tasks, each from the lock to which the edge before it leads, the first from that of the last. If
// `gates` is not empty, the cycle is gated: two of its tasks exclude each other, so no schedule makes it a deadlock.
struct LockCycle {
    std::vector<LockEdge> edges;  // two or more
    std::set<std::string> gates;  // the locks that two of them hold, and at least one of these two exclusively
};

// The result of a search for cycles.
struct LockCycles {
    std::vector<LockCycle> cycles;
    bool complete = true;  // false if there may be more without a gate: the search was given up before its end
};

// Checks that each task that takes `second`, not as a reader, already holds `first`. `seen` is set if that was seen at
// least once; `breach` is the first event where it was not so.
struct OrderCheck {
    bool seen = false;
    std::optional<LockEvent> breach;
};
OrderCheck check_order(const std::vector<LockEvent>& events, const std::string& first, const std::string& second);

// All edges, in the order of the events, each once.
std::vector<LockEdge> lock_edges(const std::vector<LockEvent>& events);
// The cycles of any length, each once: first those without a gate, then some of those with one, and of each kind the
// shortest first. Those of two edges are the inversions. Two readers of a lock do not exclude each other, so they make
// no cycle. A cycle in which a task also holds the lock that another one
// starts from cannot be. The shorter cycle through that lock stands for it.
LockCycles lock_cycles(const std::vector<LockEdge>& edges);
LockCycles lock_cycles(const std::vector<LockEvent>& events);

}  // namespace memrig
