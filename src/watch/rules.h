// The locking rules of memory hotplug, checked at the functions that they speak of, while a trial runs.
//
// Since commit 8df1d0e4a265 (v4.20) and its companions: add_memory_resource(), the removal and the onlining or offlining of a block run only
// with device_hotplug_lock held (R1 to R3); mem_hotplug_lock is write-held wherever the memory map changes (R4); nobody onlines or
// offlines a block while another task adds or removes the memory that it stands for (R5); who writes to a block's attribute has given
// back every lock of memory hotplug when the attribute's store function returns (R6).
// Documentation/core-api/memory-hotplug.rst, Locking Internals. Whoever registers a vCPU or onlines one holds device_hotplug_lock, too
// (R7; lock_device_hotplug(), drivers/base/core.c), so that vCPUs and memory come one after the other. Nobody is between mem_hotplug_begin()
// and mem_hotplug_done() while another task is between get_online_mems() and put_online_mems() (R8; include/linux/memory_hotplug.h).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_ledger.h"

namespace memrig {

// Of one trial; what comes after them is not kept.
inline constexpr std::size_t kMostBreaches = 64;

struct RuleBreach {
    std::string rule;      // "R1"
    std::string function;  // that was entered
    std::string
        lock;  // that should have been held; of R5 and R8: what another task was about, "memory32 is being added by ..."
    std::uint64_t task = 0;
    std::vector<std::string> path;  // how it came there, innermost first
    std::vector<std::string> held;  // the locks that the task held
    std::uint64_t changer = 0;      // of R5 and R8: the other task
    std::string reproach = {};      // what is wrong, where it is neither of these
};

// In force from make() to its end; conductor and ledger must outlive it. Same thread as the conductor.
class RuleWatch {
public:
    // A function that the kernel does not have is no breach: it is listed in gaps().
    static Result<std::unique_ptr<RuleWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols, std::uint64_t block_bytes);

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // How often a rule was put to the test. A rule that never was proves nothing.
    [[nodiscard]] std::uint64_t checks() const { return checks_; }
    // The same by rule.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& checks_by_rule() const { return checks_by_rule_; }
    [[nodiscard]] const std::vector<std::string>& gaps() const { return gaps_; }

private:
    struct Rule;
    // Memory that a task is adding or removing.
    struct Change {
        std::uint64_t task;
        std::uint64_t start, bytes;
        const char* what;  // "added"
    };
    RuleWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols, std::uint64_t block_bytes)
        : conductor_(conductor), ledger_(ledger), symbols_(symbols), block_bytes_(block_bytes), paths_(symbols) {}
    // Of R8: a task's way through a section of mem_hotplug_lock.
    enum class Side { reader, writer };
    Status watch_sections();
    Result<Response> section_begins(Side side, const Arrival& arrival);
    Result<Response> section_ends(Side side, const Arrival& arrival);
    Result<Response> check(const Rule& rule, const Arrival& arrival);
    Result<Response> change_begins(const Arrival& arrival, bool added);
    Result<Response> check_store(const char* function, const Arrival& arrival);
    Result<Response> check_block(const char* function, const Arrival& arrival);
    Status note_breach(RuleBreach breach, const Arrival& arrival);

    Conductor& conductor_;
    const LockLedger& ledger_;
    const SymbolTable& symbols_;
    std::uint64_t block_bytes_;
    CallPaths paths_;
    std::vector<Change> changes_;
    std::map<Side, std::set<std::uint64_t>> coming_,
        inside_;  // the tasks that are on their way into a section, or in it
    std::map<std::string, std::uint64_t> checks_by_rule_;
    std::vector<RuleBreach> breaches_;
    std::vector<std::string> gaps_;
    std::uint64_t checks_ = 0;
};

}  // namespace memrig
