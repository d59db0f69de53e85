// Checks the order in which a notifier chain calls its members.
//
// N3: each notice goes to all members, from high to low priority (include/linux/notifier.h; kernel/notifier.c,
// notifier_chain_register() and notifier_call_chain()). If a member stops it, the members behind are not called.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_observer.h"

namespace memrig {

// The conductor and the symbols must outlive it. Used on the conductor's thread.
class NotifierChain {
public:
    struct Member {
        std::uint64_t block;  // the address of its struct notifier_block
        std::uint64_t function;
        std::int32_t priority;
    };

    NotifierChain(Conductor& conductor, const SymbolTable& symbols) : conductor_(conductor), symbols_(symbols) {}
    // Returns the members of the chain at `head`, a struct blocking_notifier_head, in the order of the list. Empty if
    // they cannot be read.
    static Result<std::vector<Member>> members_of(Probe& probe, const SymbolTable& symbols, std::uint64_t head,
                                                  unsigned vcpu);
    // Lets the observer tell of the calls that it sees, without a stop for each. It must outlive the chain.
    void follow(LockObserver& observer);
    // Begins a call of the chain and watches the chain's members from then on. REQUIRES: `arrival` is at the entry of
    // blocking_notifier_call_chain().
    Status begin(const Arrival& arrival);
    // Ends the task's call of the chain; `stopped` if the answer has NOTIFY_STOP_MASK. Returns what is wrong, or "" if
    // nothing is. Returns nothing if the chain could not be followed.
    std::optional<std::string> end(std::uint64_t task, bool stopped);
    // Returns "" if the members of each chain could be read, else a text for the report.
    [[nodiscard]] const std::string& gap() const { return gap_; }

private:
    struct Call {
        std::vector<Member> members;  // in the order of the list
        std::vector<std::uint64_t> called;
    };
    Result<Response> at_member(const Arrival& arrival);
    // The first member with that function that has not been called yet is called now.
    void note_call(std::uint64_t task, std::uint64_t function);
    [[nodiscard]] std::string name_of(const Member& member) const;

    Conductor& conductor_;
    const SymbolTable& symbols_;
    std::map<std::uint64_t, Call> calls_;                  // by task
    std::map<std::uint64_t, Conductor::WatchId> watched_;  // by function
    const LockObserver* observer_ = nullptr;
    Subscription entries_;
    std::string gap_;
};

}  // namespace memrig
