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
    // Lets the observer tell of the calls of members that it sees, without a stop for each, and watches the other
    // members of the chain at `head`. It must outlive the chain.
    Status follow(LockObserver& observer, std::uint64_t head);
    // Watches a member that is about to be added: `block` is its struct notifier_block. Later would be too late, as the
    // observer tells of a call of the chain only at the next stop. REQUIRES: `arrival` is the current stop.
    Status watch_new(std::uint64_t block, const Arrival& arrival);
    // Begins a call of the chain and watches the chain's members from this stop on. A call that the observer tells of
    // is not followed if a member, of whose calls it does not tell, was not watched then. REQUIRES: it is a call of
    // blocking_notifier_call_chain(), with its arguments.
    Status begin(const Passage& passage);
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
    // Watches the function unless the observer tells of it. Returns the stop since which it is watched, if any.
    Result<std::optional<SteadyTime>> watch_member(std::uint64_t function, SteadyTime now);
    // The first member with that function that has not been called yet is called now.
    void note_call(std::uint64_t task, std::uint64_t function);
    [[nodiscard]] std::string name_of(const Member& member) const;

    Conductor& conductor_;
    const SymbolTable& symbols_;
    std::map<std::uint64_t, Call> calls_;          // by task
    std::map<std::uint64_t, SteadyTime> watched_;  // by function: the stop since which it is watched
    const LockObserver* observer_ = nullptr;
    Subscription entries_;
    std::string gap_;
};

}  // namespace memrig
