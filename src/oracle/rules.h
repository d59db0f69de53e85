// The locking rules of memory hotplug, checked at the functions that they speak of, while a trial runs.
//
// Since commit 8df1d0e4a265 (v4.20) and its companions: add_memory_resource(), the removal and the onlining or offlining of a block run only
// with device_hotplug_lock held (R1 to R3); mem_hotplug_lock is write-held wherever the memory map changes (R4).
// Documentation/core-api/memory-hotplug.rst, Locking Internals.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/lock_ledger.h"
#include "probe/symbols.h"

namespace memrig {

struct RuleBreach {
    std::string rule;      // "R1"
    std::string function;  // that was entered
    std::string lock;      // that should have been held
    std::uint64_t task = 0;
    std::vector<std::string> path;  // how it came there, innermost first
    std::vector<std::string> held;  // the locks that the task held
};

// In force from make() to its end; conductor and ledger must outlive it. Same thread as the conductor.
class RuleWatch {
public:
    // A function that the kernel does not have is no breach: it is listed in gaps().
    static Result<std::unique_ptr<RuleWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols);

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // How often a rule was put to the test. A rule that never was proves nothing.
    [[nodiscard]] std::uint64_t checks() const { return checks_; }
    [[nodiscard]] const std::vector<std::string>& gaps() const { return gaps_; }

private:
    struct Rule;
    RuleWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols)
        : conductor_(conductor), ledger_(ledger), paths_(symbols) {}
    Result<Response> check(const Rule& rule, const Arrival& arrival);

    Conductor& conductor_;
    const LockLedger& ledger_;
    CallPaths paths_;
    std::vector<RuleBreach> breaches_;
    std::vector<std::string> gaps_;
    std::uint64_t checks_ = 0;
};

}  // namespace memrig
