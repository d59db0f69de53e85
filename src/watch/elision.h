// Elision: a lock call made to return at once for one caller, and the matching unlock for the same task, so that a pristine
// kernel behaves as if that caller did not take the lock.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

struct ElisionSpec {
    std::string lock;    // the function that takes it, e.g. lock_device_hotplug
    std::string unlock;  // that drops it, e.g. unlock_device_hotplug; empty: `lock` is a function that is just left out
    // The functions whose calls are elided, e.g. acpi_device_hotplug. A kernel has at least one of them: their names, or what the compiler
    // inlines into them, are not the same in each.
    std::vector<std::string> callers;
    std::uint64_t value = 0;  // what the lock function seems to have returned
};

// What an elision did: without this a mutant arm would be no mutant.
struct ElisionCounts {
    std::uint64_t locks = 0;    // calls of `lock` that were elided
    std::uint64_t unlocks = 0;  // calls of `unlock` that were elided
    std::uint64_t others = 0;   // calls of `lock` from elsewhere, which went through
};

// In force from make() to its end; the conductor and the symbols must outlive it. Same thread as the conductor.
class Elision {
public:
    static Result<std::unique_ptr<Elision>> make(Conductor& conductor, const SymbolTable& symbols,
                                                 const ElisionSpec& order);

    [[nodiscard]] const ElisionCounts& counts() const { return counts_; }
    [[nodiscard]] const ElisionSpec& order() const { return order_; }

private:
    Elision(Conductor& conductor, const SymbolTable& symbols, ElisionSpec order)
        : conductor_(conductor), symbols_(symbols), order_(std::move(order)) {}
    Result<Response> at_lock(const Arrival& arrival);
    Result<Response> at_unlock(const Arrival& arrival);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    ElisionSpec order_;
    // By task, not by return address: the unlock may be a tail call, and the task may have moved to another vCPU.
    std::multiset<std::uint64_t> elided_tasks_;
    ElisionCounts counts_;
};

}  // namespace memrig
