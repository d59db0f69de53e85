// What the kernel tells of its memory blocks to whoever has asked to be told, checked while a trial runs.
//
// Documentation/core-api/memory-hotplug.rst, Memory hotplug event notifier: whatever is going to be done is announced (MEM_GOING_ONLINE,
// MEM_GOING_OFFLINE), and then is done or cancelled (MEM_ONLINE, MEM_CANCEL_ONLINE; MEM_OFFLINE, MEM_CANCEL_OFFLINE); where one of those
// told says no, it is cancelled. Since v6.8 memory is prepared before that (MEM_PREPARE_ONLINE), and given up after it was taken offline or
// did not come online (MEM_FINISH_OFFLINE; memory_block_online() and memory_block_offline(), drivers/base/memory.c).
//
// All of it goes through blocking_notifier_call_chain(&memory_chain, action, struct memory_notify *). That is where it is looked at, as
// memory_notify() is inlined into its callers of drivers/base/memory.c. A kernel without symbols for data shows the chain by the
// first call of memory_notify() itself, and what came before that is not seen.
//
// N1: no task says that something was done or cancelled that it has not announced, or announces what it has announced already, or does
// what was vetoed, or never says what became of it. Of a kernel that prepares: nothing is announced to come online that was not
// prepared, and what was prepared comes online or is finished, as is what went offline, and nothing else.
// N2: start_pfn and nr_pages are the block's, but for the pages that hold its own memmap (memmap_on_memory); status_change_nid is its node
// where this is the node's first memory to come or its last to go, and else -1; all of it the same from the announcement to the outcome.
// N3: see notifier_chain.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "watch/notice.h"
#include "watch/notifier_chain.h"
#include "watch/rules.h"

namespace memrig {

// What a block that the rig plugged has to be.
struct BlockFacts {
    int node = 0;
    bool memmap_on_memory = false;  // its first pages hold its own memmap
};

struct NotifierSpec {
    std::uint64_t block_bytes = 0;
    std::uint64_t page_bytes = 4096;
    std::map<int, std::uint64_t> present;                                 // by node: its pages before
    std::function<std::optional<BlockFacts>(std::uint64_t block)> block;  // where it is known
    std::optional<Notice> veto;  // what the rig itself answers NOTIFY_BAD to, as though it had asked to be told last
    unsigned let_through = 0;    // so many of them before it does
};

// In force from make() to its end; conductor and ledger must outlive it. Same thread as the conductor.
class NotifierWatch {
public:
    static Result<std::unique_ptr<NotifierWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                       const SymbolTable& symbols, NotifierSpec order);
    // All actors have finished: what was announced and has no outcome by now will have none.
    void finish();

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // How often each was put to the test, by rule.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& checks() const { return checks_; }
    // How often somebody vetoed it, be that the rig or one of the kernel's own.
    [[nodiscard]] std::uint64_t vetoes(Notice notice) const;
    [[nodiscard]] std::vector<std::string> gaps() const;

private:
    // What a task is about with a block, from its first notice to its outcome.
    struct Operation {
        std::optional<Notice> announced;  // MEM_GOING_*, without an outcome yet
        std::optional<Notice> unended;    // what MEM_ONLINE, or else MEM_FINISH_OFFLINE, has yet to end
        std::optional<Notice> last;       // the last notice of all
        bool vetoed = false;              // the last one was
        std::optional<std::uint64_t> block;
        std::optional<NoticeFields> fields;  // as announced
        std::vector<std::string> path;       // to the last notice
    };
    NotifierWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols, NotifierSpec order)
        : conductor_(conductor),
          ledger_(ledger),
          order_(std::move(order)),
          paths_(symbols),
          chain_(conductor, symbols) {}
    Status watch_chain(const SymbolTable& symbols);
    Result<Response> at_chain(const Arrival& arrival);
    Result<Response> at_notice(const Arrival& arrival);
    Status at_answer(const Arrival& arrival, Notice notice, std::uint64_t answer);
    // Each returns what is wrong, or "".
    std::string check_order(Operation& operation, Notice notice);
    std::string check_outcome(Operation& operation, Notice notice);
    std::string check_beginning(Operation& operation, Notice notice);
    Result<std::string> check_fields(Operation& operation, Notice notice, const Arrival& arrival);
    [[nodiscard]] std::optional<BlockFacts> facts_of(const Operation& operation) const;
    std::string check_nodes(const Operation& operation, Notice notice, const NoticeFields& fields) const;
    void count_pages(const Operation& operation, Notice notice);
    void reproach(const char* rule, std::string text, std::uint64_t task, std::vector<std::string> path);

    Conductor& conductor_;
    const LockLedger& ledger_;
    NotifierSpec order_;
    CallPaths paths_;
    NotifierChain chain_;
    NoticeNumbers numbers_;
    std::optional<std::uint64_t> memory_chain_;      // its address, once it is known
    std::set<std::uint64_t> telling_;                // tasks in memory_notify(), where that is yet to be learned
    bool prepares_ = false;                          // MEM_PREPARE_ONLINE and MEM_FINISH_OFFLINE were seen
    bool nodes_told_ = true;                         // by the same notices, and not by a chain of their own
    std::map<std::uint64_t, Operation> operations_;  // by task
    std::map<Notice, std::uint64_t> vetoes_;
    std::vector<RuleBreach> breaches_;
    std::map<std::string, std::uint64_t> checks_;
    std::vector<std::string> gaps_;
};

}  // namespace memrig
