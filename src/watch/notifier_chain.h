// The order in which a chain of notifiers calls those who have asked to be told.
//
// N3: each notice goes to all of them, from high to low priority (include/linux/notifier.h; kernel/notifier.c, notifier_chain_register()
// and notifier_call_chain()); where one of them stops it, to those before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// The conductor and the symbols must outlive it. Same thread as the conductor.
class NotifierChain {
public:
    NotifierChain(Conductor& conductor, const SymbolTable& symbols) : conductor_(conductor), symbols_(symbols) {}
    // Of an arrival at blocking_notifier_call_chain(): the task calls that chain, whose members are watched from then on.
    Status begin(const Arrival& arrival);
    // The chain has answered; `stopped` if with NOTIFY_STOP_MASK. What is wrong, or ""; nothing where the chain could not be followed.
    std::optional<std::string> end(std::uint64_t task, bool stopped);
    // "" where each chain's members could be read.
    [[nodiscard]] const std::string& gap() const { return gap_; }

private:
    struct Member {
        std::uint64_t block;  // its struct notifier_block
        std::uint64_t function;
        std::int32_t priority;
    };
    struct Call {
        std::vector<Member> members;  // in the order of the list
        std::vector<std::uint64_t> called;
    };
    Result<Response> at_member(const Arrival& arrival);
    // The members of the chain at `head`, a struct blocking_notifier_head; empty where they cannot be made out.
    Result<std::vector<Member>> members_of(std::uint64_t head, unsigned vcpu);
    Result<std::optional<Member>> member_at(std::uint64_t block, unsigned vcpu, std::uint64_t& next);
    [[nodiscard]] std::string name_of(const Member& member) const;

    Conductor& conductor_;
    const SymbolTable& symbols_;
    std::map<std::uint64_t, Call> calls_;                  // by task
    std::map<std::uint64_t, Conductor::WatchId> watched_;  // by function
    std::string gap_;
};

}  // namespace memrig
