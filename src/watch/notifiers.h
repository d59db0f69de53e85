// Checks, while a trial runs, the notices that the kernel sends to its memory notifiers.
//
// Documentation/core-api/memory-hotplug.rst, Memory hotplug event notifier: the kernel announces what it is going to do
// (MEM_GOING_ONLINE, MEM_GOING_OFFLINE). It then reports that this was done (MEM_ONLINE, MEM_OFFLINE) or cancelled
// (MEM_CANCEL_ONLINE, MEM_CANCEL_OFFLINE). It must cancel if a notifier vetoes the announcement. Since v6.8, memory is
// prepared before it comes online (MEM_PREPARE_ONLINE). It is given up after it went offline or did not come online
// (MEM_FINISH_OFFLINE; memory_block_online() and memory_block_offline(), drivers/base/memory.c).
//
// All notices go through blocking_notifier_call_chain(&memory_chain, action, struct memory_notify *). They are watched
// there because memory_notify() is inlined into its callers in drivers/base/memory.c. In a kernel without symbols for
// data, the chain is learned from the first call of memory_notify() itself, and notices before that call are not seen.
//
// N1: a task reports as done or cancelled only what it has announced, announces nothing twice, does nothing that was
// vetoed, and reports the outcome of each announcement. In a kernel that prepares memory, a task announces only
// prepared memory to come online. Prepared memory comes online or is finished. Memory that went offline is finished,
// and nothing else is.
// N2: start_pfn and nr_pages are those of the block, without the pages that hold its own memmap (memmap_on_memory).
// status_change_nid is the block's node if this is the node's first memory to come or its last to go, else -1. All
// fields are the same in the announcement and the outcome. Fields that the kernel's struct memory_notify lacks are not
// looked at.
// N3: see notifier_chain.h.
// N4: since v6.17, nodes have notices of their own (include/linux/node.h, node_notify()). Before a task announces a
// block that is its node's first memory to come or its last to go, and only then, it announces that as well
// (NODE_ADDING_FIRST_MEMORY, NODE_REMOVING_LAST_MEMORY). It reports the outcome of each announcement, for the same
// node, and does nothing that a notifier vetoed. After such a veto, online_pages() and offline_pages() cancel the
// block, which they have not announced: N1 allows that once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "watch/notice.h"
#include "watch/notifier_chain.h"
#include "watch/passages.h"
#include "watch/rules.h"

namespace memrig {

// The properties that a block plugged by the rig must have.
struct BlockFacts {
    int node = 0;
    bool memmap_on_memory = false;  // its first pages hold its own memmap
};

struct NotifierSpec {
    std::uint64_t block_bytes = 0;
    std::uint64_t page_bytes = 4096;
    std::map<int, std::uint64_t> present;  // by node: its pages before the trial
    // Returns what is known about a block, or nothing if the rig did not plug it.
    std::function<std::optional<BlockFacts>(std::uint64_t block)> block;
    // The notice to which the rig itself answers with an errno, as if it were the last member of the chain.
    std::optional<Notice> veto;
    int veto_error = 1;
    unsigned let_through = 0;  // how many of these notices pass before the rig vetoes
};

// In force from make() until it is destroyed. The conductor, the ledger and the symbols must outlive it. Used on the
// conductor's thread.
class NotifierWatch {
public:
    // A function that the kernel does not have is not an error: it is listed in gaps(). `observer` tells of the
    // notices, and which members of the chain are called. Null: stops do, and also where the rig itself answers one.
    static Result<std::unique_ptr<NotifierWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                       const SymbolTable& symbols, NotifierSpec spec,
                                                       LockObserver* observer = nullptr);
    // Returns the functions that bring the notices, and what has to be known of a call.
    static std::map<std::string, ObservedCall> calls();
    // Reports each announcement that has no outcome. REQUIRES: all actors have finished, so that none will follow.
    void finish();

    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // Returns how often each rule was checked.
    [[nodiscard]] const CheckCounts& checks() const { return checks_; }
    // Returns how often this notice was vetoed, by the rig or by a notifier of the kernel.
    [[nodiscard]] std::uint64_t vetoes(Notice notice) const;
    [[nodiscard]] std::vector<RuleGap> gaps() const;
    // Returns how many notices were seen, and how many of them could be read and named the block that their task works
    // on, and a node that can be one. For arming: they tell whether the numbers and the fields are where they should
    // be.
    [[nodiscard]] std::uint64_t seen() const { return seen_; }
    [[nodiscard]] std::uint64_t read_of_block() const { return read_of_block_; }

private:
    // A task's work on a block, from the first notice to the outcome.
    struct Operation {
        std::optional<Notice> announced;  // a MEM_GOING_* that has no outcome yet
        std::optional<Notice> unended;    // the notice that a MEM_ONLINE or MEM_FINISH_OFFLINE must still follow
        std::optional<Notice> last;       // the last notice of any kind
        std::vector<Notice> unanswered;   // the notices that the chain is just called with
        bool vetoed = false;              // whether the last notice was vetoed
        std::optional<std::uint64_t> block;
        std::optional<NoticeFields> fields;  // as announced
        std::vector<std::string> path;       // the call path of the last notice
        // The cancellation that needs no announcement, as a notifier of the nodes has just refused.
        std::optional<Notice> refused_by_node;
    };
    // A task's work on the first or the last memory of a node.
    struct NodeOperation {
        std::optional<NodeNotice> announced;  // an announcement that has no outcome yet
        int node = -1;
        bool vetoed = false;  // whether the announcement was vetoed
        std::vector<std::string> path;
    };
    // The effect of onlining or offlining a block on its node.
    struct NodeChange {
        int node = 0;
        std::uint64_t present = 0;  // the node's pages before
        bool changes = false;       // the block is the node's first memory, or its last
    };
    NotifierWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols, NotifierSpec spec,
                  LockObserver* observer)
        : conductor_(conductor),
          ledger_(ledger),
          spec_(std::move(spec)),
          paths_(symbols),
          passages_(conductor, symbols, spec_.veto ? nullptr : observer),
          chain_(conductor, symbols) {}
    Status watch_chain(const SymbolTable& symbols);
    Status follow(LockObserver& observer, const SymbolTable& symbols);
    Result<bool> at_chain(const Passage& passage);
    Result<bool> at_notice(const Passage& passage);
    Status at_answer(const Passage& passage);
    Result<std::vector<std::string>> path_of(const Passage& passage);
    // Each check returns what is wrong, or "".
    std::string check_order(Operation& operation, Notice notice);
    std::string check_outcome(Operation& operation, Notice notice, std::optional<Notice> refused);
    std::string check_beginning(Operation& operation, Notice notice);
    Result<std::string> check_fields(Operation& operation, Notice notice, const Passage& passage);
    [[nodiscard]] std::optional<BlockFacts> facts_of(const Operation& operation) const;
    std::string check_nodes(const Operation& operation, Notice notice, const NoticeFields& fields) const;
    [[nodiscard]] std::optional<NodeChange> node_change(const Operation& operation, Notice notice,
                                                        std::uint64_t pages) const;
    std::string check_told_nodes(const Operation& operation, Notice notice, std::uint64_t task);
    Result<bool> at_node_notice(const Passage& passage);
    Status at_node_answer(const Passage& passage);
    std::string check_node_order(NodeOperation& operation, NodeNotice notice, int node);
    void count_pages(const Operation& operation, Notice notice);
    void reproach(const char* rule, std::string text, std::uint64_t task, std::vector<std::string> path,
                  const char* function = "memory_notify");

    Conductor& conductor_;
    const LockLedger& ledger_;
    NotifierSpec spec_;
    CallPaths paths_;
    Passages passages_;
    NotifierChain chain_;
    NoticeNumbers numbers_;
    std::optional<std::uint64_t> memory_chain_;  // the chain's address, once it is known
    std::set<std::uint64_t> telling_;  // the tasks that entered memory_notify() while memory_chain_ was not known
    std::uint64_t seen_ = 0, read_of_block_ = 0;
    bool prepares_ = false;        // a MEM_PREPARE_ONLINE or a MEM_FINISH_OFFLINE was seen
    bool missed_notices_ = false;  // notices came before they could be read
    bool nodes_told_ = true;       // these notices also tell of the nodes (until v6.17)
    bool has_node_chain_ = false;  // the nodes have a chain of their own (since v6.17)
    NodeNoticeNumbers node_numbers_;
    std::map<std::uint64_t, NodeOperation> node_operations_;  // by task
    std::map<std::uint64_t, Operation> operations_;           // by task
    std::map<Notice, std::uint64_t> vetoes_;
    std::vector<RuleBreach> breaches_;
    CheckCounts checks_;
    std::vector<RuleGap> gaps_;
};

}  // namespace memrig
