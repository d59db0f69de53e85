// Checks the locking rules of memory hotplug while a trial runs, at the kernel functions that the rules are about.
//
// R1 to R6 hold since commit 8df1d0e4a265 (v4.20) and its companions (Documentation/core-api/memory-hotplug.rst,
// Locking Internals):
// R1 to R3: add_memory_resource(), the removal of memory, and the onlining or offlining of a block run only with
//   device_hotplug_lock held.
// R4: mem_hotplug_lock is held for writing wherever the memory map changes.
// R5: no task onlines or offlines a block while another task adds or removes the block's memory.
// R6: a task that writes to a block's attribute has released every lock of memory hotplug when the attribute's store
//   function returns.
// R7: a task that registers or onlines a vCPU holds device_hotplug_lock too, so that vCPUs and memory come one after
//   the other (lock_device_hotplug(), drivers/base/core.c).
// R8: no task is between mem_hotplug_begin() and mem_hotplug_done() while another task is between get_online_mems() and
//   put_online_mems() (include/linux/memory_hotplug.h). No task calls mem_hotplug_done() without mem_hotplug_begin().
// R9 is in one_hold.h, N1 to N4 are in notifiers.h.
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
#include "watch/obligation.h"
#include "watch/passages.h"

namespace memrig {

// The most breaches of one trial that are kept. Later ones are dropped.
inline constexpr std::size_t kMostBreaches = 64;

struct RuleBreach {
    std::string rule;      // "R1"
    std::string function;  // the function that the task entered
    // The lock that the task should have held, in R6 should have released. In R5 and R8, what the other task was doing:
    // "memory32 is being added".
    std::string lock;
    std::uint64_t task = 0;
    std::vector<std::string> path;  // the callers, innermost first
    std::vector<std::string> held;  // the locks that the task held
    std::uint64_t changer = 0;      // in R5 and R8: the other task
    std::string reproach = {};      // what is wrong, if `lock` does not say it
};

// Returns all checks that can be made, of the rules and of the notices, sorted. Thread-safe.
std::vector<Obligation> watched_checks();

struct RemovedRange {
    std::uint64_t start = 0, bytes = 0;
};
// The range that try_remove_memory() was called for. REQUIRES: three arguments.
RemovedRange removed_range(const std::vector<std::uint64_t>& arguments);
// Returns the memory block whose device is the first argument of the call; nothing if it is no block's.
Result<std::optional<std::uint64_t>> block_of_call(Probe& probe, const LockLedger& ledger, const Passage& passage);
// "mem_hotplug_lock for reading"
std::string held_text(const LockEvent& event);

// In force from make() until it is destroyed. The conductor, the ledger and the symbols must outlive it. Used on the
// conductor's thread.
class RuleWatch {
public:
    // `block_bytes` is the size of a memory block. A function that the kernel does not have is not an error: it is
    // listed in gaps(). `observer` feeds the ledger, or is null: then each call that a rule is about stops the guest.
    static Result<std::unique_ptr<RuleWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols, std::uint64_t block_bytes,
                                                   LockObserver* observer = nullptr);
    // Returns the functions that the rules are about, roles and names, and what they have to know of a call.
    static std::map<std::string, ObservedCall> calls();

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // Returns how often each rule was checked, and where. A rule that was never checked proves nothing.
    [[nodiscard]] const CheckCounts& checks() const { return checks_; }
    [[nodiscard]] const std::vector<RuleGap>& gaps() const { return gaps_; }
    // Returns how many sections of mem_hotplug_lock's writers have begun: mem_hotplug_begin() has returned.
    [[nodiscard]] std::uint64_t writer_sections() const { return writer_sections_; }
    // R6 of any other function that an actor's task enters. May be called from a handler at its entry.
    Status check_leaving(const std::string& function, const Arrival& entry);
    // Returns the rules that ask for a lock, each with the function that puts it to the test.
    static std::vector<std::pair<std::string, std::string>> held_locks();

private:
    enum class Argument;
    struct Rule;
    static const std::vector<Rule>& all_rules();
    // Memory that a task is adding or removing.
    struct Change {
        std::uint64_t task;
        std::uint64_t start, bytes;
        std::string what;  // "added"
    };
    RuleWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols, std::uint64_t block_bytes,
              LockObserver* observer)
        : conductor_(conductor),
          ledger_(ledger),
          symbols_(symbols),
          block_bytes_(block_bytes),
          paths_(symbols),
          passages_(conductor, symbols, observer) {}
    // For R8: the two kinds of sections of mem_hotplug_lock.
    enum class Side { reader, writer };
    Status watch_sections();
    std::optional<std::uint64_t> in_the_other(Side side, std::uint64_t task);
    Result<bool> section_begins(Side side, const Passage& passage);
    Status section_begun(Side side, const Passage& passage);
    Status section_ends(Side side, const Passage& passage);
    Status watch_rule(const Rule& rule);
    Status watch_blocks();
    Status check(const Rule& rule, const std::string& function, const Passage& passage);
    Status check_held(const Rule& rule, const std::string& function, const Passage& passage);
    Result<bool> change_begins(const Passage& passage, bool added);
    Status change_ends(const Passage& passage, bool added);
    // Returns the range that the call adds or removes; nothing if its arguments are not those of such a function.
    Result<std::optional<Change>> change_of(const Passage& passage, bool added);
    Result<std::optional<std::uint64_t>> block_of(const Passage& passage);
    // Returns true if the lock itself names the task as its owner.
    Result<bool> is_owner(const Passage& passage, const std::string& lock);
    void note_gap(RuleGap gap);
    // Returns true if the call has the arguments of what the rule's function does.
    Result<bool> is_as_played(const Rule& rule, const Passage& passage);
    Status watch_stores();
    Status check_left(const std::string& function, const Passage& left, std::size_t held_before);
    Status check_block(const char* function, const Passage& passage);
    Status note_breach(RuleBreach breach, const Passage& passage);

    Conductor& conductor_;
    const LockLedger& ledger_;
    const SymbolTable& symbols_;
    std::uint64_t block_bytes_;
    CallPaths paths_;
    Passages passages_;
    std::vector<Change> changes_;
    std::map<std::uint64_t, std::size_t>
        held_at_store_;  // by task: how many locks it held when it entered a store function
    // For R8: the tasks that are about to enter a section, and those inside one.
    std::map<Side, std::set<std::uint64_t>> coming_, inside_;
    std::uint64_t writer_sections_ = 0;
    CheckCounts checks_;
    std::vector<RuleBreach> breaches_;
    std::vector<RuleGap> gaps_;
};

}  // namespace memrig
