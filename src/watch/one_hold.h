// Checks rule R9 while a trial runs: a task that takes memory blocks offline in order to remove their memory does both
// under one hold of device_hotplug_lock.
//
// acpi_scan_hot_remove() (drivers/acpi/scan.c), offline_and_remove_memory() (mm/memory_hotplug.c) and dlpar_memory()
// (arch/powerpc/platforms/pseries/hotplug-memory.c) take a device's blocks offline and remove its memory after that.
// If the lock is dropped in between, another task can online a block again, and __remove_memory() ends in BUG().
//
// Only blocks that the same task took offline in the same operation count. A block that was offline before, because
// somebody wrote to its attribute, is removed under another hold than it was offlined under, and that is right.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "watch/rules.h"

namespace memrig {

// In force from make() until it is destroyed. The conductor, the ledger and the symbols must outlive it. Used on the
// conductor's thread.
class OneHoldWatch {
public:
    // `block_bytes` is the size of a memory block. A kernel that cannot be checked is not an error: gaps() says why.
    static Result<std::unique_ptr<OneHoldWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                      const SymbolTable& symbols, std::uint64_t block_bytes);

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // Returns how often the rule was checked: for each removal of memory with blocks that the task itself had taken
    // offline in this operation, under the lock.
    [[nodiscard]] std::uint64_t checks() const { return checks_; }
    [[nodiscard]] const std::vector<RuleGap>& gaps() const { return gaps_; }

private:
    // A block that the task has taken offline under the hold that began at `taken`.
    struct Offlined {
        std::uint64_t block;
        SteadyTime taken;
    };
    // A task is between the entry and the return of a function that offlines and removes.
    struct Operation {
        unsigned depth = 0;  // such functions may call each other
        std::vector<Offlined> offlined;
    };
    OneHoldWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols, std::uint64_t block_bytes)
        : conductor_(conductor), ledger_(ledger), block_bytes_(block_bytes), paths_(symbols) {}
    // Returns false if the kernel does not have the function.
    Result<bool> watch(const SymbolTable& symbols, const char* function, const Conductor::Handler& handler);
    Result<Response> operation_begins(const Arrival& arrival);
    Result<Response> at_offline(const Arrival& arrival);
    Result<Response> at_remove(const Arrival& arrival);
    // When the task took device_hotplug_lock that it holds now.
    [[nodiscard]] std::optional<SteadyTime> hold_of(std::uint64_t task) const;

    Conductor& conductor_;
    const LockLedger& ledger_;
    std::uint64_t block_bytes_;
    CallPaths paths_;
    std::string removing_;                           // the function that plays {remover}
    std::map<std::uint64_t, Operation> operations_;  // by task
    std::vector<RuleBreach> breaches_;
    std::vector<RuleGap> gaps_;
    std::uint64_t checks_ = 0;
};

}  // namespace memrig
