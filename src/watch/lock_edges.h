// Follows the locks that each task holds, and notes in which orders tasks ask for them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "watch/lock_event.h"

namespace memrig {

// A task asked for `to` while it held `from`.
struct LockEdge {
    std::string from, to;
    bool from_shared = false, to_shared = false;
    std::uint64_t task = 0;
    std::set<std::string> gates;         // the other locks that it held, not as a reader
    std::set<std::string> shared_gates;  // the other locks that it held as a reader only
    std::string from_where, to_where;
};

// Not thread-safe.
class LockEdges {
public:
    // A lock that a task holds or asks for, and where it asked for it.
    struct Asked {
        std::string lock;
        bool shared = false;
        std::string where = {};
    };

    // The task asks for the lock, and may have to wait: an edge from each other lock that it holds.
    void want(std::uint64_t task, const Asked& asked);
    // The task holds the lock from now on, once more if it holds it already.
    void take(std::uint64_t task, const Asked& asked);
    // The task gives the lock back that it took last. Returns false if it does not hold it.
    bool release(std::uint64_t task, const std::string& lock);
    // The task keeps the lock as a reader.
    void downgrade(std::uint64_t task, const std::string& lock);
    // Does what the event says.
    void follow(const LockEvent& event);
    // Nobody holds the lock any more.
    void forget(const std::string& lock);
    // Returns the other tasks that hold the lock, not as readers if `shared`.
    [[nodiscard]] std::set<std::uint64_t> other_holders(std::uint64_t task, const std::string& lock, bool shared) const;
    [[nodiscard]] bool holds(std::uint64_t task, const std::string& lock) const;
    // Returns all edges, in the order in which they came to be, each once.
    [[nodiscard]] const std::vector<LockEdge>& edges() const { return edges_; }

private:
    using EdgeKey =
        std::tuple<std::uint64_t, std::string, std::string, bool, bool, std::set<std::string>, std::set<std::string>>;
    std::map<std::uint64_t, std::vector<Asked>> held_;  // by task, in the order in which it took them
    std::set<EdgeKey> known_;
    std::vector<LockEdge> edges_;
};

}  // namespace memrig
