// The lock graph: the orders in which all tasks took all mutexes and rwsems of the kernel, by instance.
//
// Not in it: spinlocks, per-CPU rwsems but for mem_hotplug_lock and cpu_hotplug_lock, and whatever else a task may wait
// for. A lock that does not behave as one has calls that were not seen, and makes no edge.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "probe/symbols.h"
#include "watch/lock_call.h"
#include "watch/lock_edges.h"
#include "watch/lock_event.h"

namespace memrig {

// The lock graph of a trial, for the oracle and the reports.
struct LockGraphFacts {
    std::vector<LockEdge> edges;       // between locks that behave as such
    std::size_t locks = 0;             // that were taken
    std::size_t calls = 0;             // that were seen
    std::vector<std::string> strange;  // a line for each lock that does not behave as one
    bool complete = true;              // false if there were more edges than are kept
};

// Not thread-safe. The symbols must outlive it.
class LockGraph {
public:
    explicit LockGraph(const SymbolTable& symbols);

    // Follows a call. They come in the order in which they took place.
    void follow(const SeenLockCall& call);
    // Follows a per-CPU rwsem, which has no such calls.
    void follow(const LockEvent& event) { edges_.follow(event); }
    // Names the lock at that address, from its next call on.
    void name(std::uint64_t address, const std::string& name) { names_[address] = name; }
    [[nodiscard]] LockGraphFacts facts() const;

private:
    const std::string& lock_at(const SeenLockCall& call);
    // Null if the lock is no variable of the kernel's image or of a module.
    [[nodiscard]] const Symbol* variable_at(std::uint64_t address) const;
    [[nodiscard]] std::string name_of(const SeenLockCall& call);
    void ask(const SeenLockCall& call, bool shared);
    void take(const SeenLockCall& call, bool shared);
    void release(const SeenLockCall& call);
    void renew(const SeenLockCall& call);
    void give_up(const std::string& lock, const char* why);

    const SymbolTable& symbols_;
    std::map<std::uint64_t, std::string> locks_;  // by address: their names
    std::map<std::string, std::string> strange_;  // by name: why a lock is not followed
    std::map<std::uint64_t, std::string> names_;  // by address: as the ledger calls them
    std::map<std::string, unsigned> numbers_;     // by name: how many locks have it
    LockEdges edges_;
    std::size_t calls_ = 0;
    bool complete_ = true;
    bool sees_new_ = false;  // the kernel has the functions that make locks
};

}  // namespace memrig
