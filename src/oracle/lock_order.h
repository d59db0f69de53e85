// Lock order with gates (the Goodlock idea): two tasks that take two locks in opposite orders can deadlock, unless both always hold a third
// one, the gate, while they do. lockdep knows no gates, and does not look at device locks at all.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/lock_event.h"

namespace memrig {

// A task asked for `to` while it held `from`.
struct LockEdge {
    std::string from, to;
    bool from_shared = false, to_shared = false;
    std::uint64_t task = 0;
    std::set<std::string> gates;  // what else it held, not as a reader
    std::string from_where, to_where;
};

// Two edges of different tasks, in opposite orders. Gated if `gates` is not empty: no schedule can then make it a deadlock.
struct LockInversion {
    LockEdge one, other;
    std::set<std::string> gates;  // held exclusively in both
};

// Whether whoever took `second`, not as a reader, held `first` by then: that it was seen, and the first time that it was not so.
struct OrderCheck {
    bool seen = false;
    std::optional<LockEvent> breach;
};
OrderCheck check_order(const std::vector<LockEvent>& events, const std::string& first, const std::string& second);

// In the order of the events, each edge once.
std::vector<LockEdge> lock_edges(const std::vector<LockEvent>& events);
// Each pair of locks and tasks once. Two readers of a lock do not keep each other out, so they make no inversion.
std::vector<LockInversion> lock_inversions(const std::vector<LockEvent>& events);

}  // namespace memrig
