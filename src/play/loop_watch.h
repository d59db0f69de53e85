// The loop watch: tells whether an actor's task goes round in the kernel without getting on, as in a livelock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "play/context.h"
#include "probe/symbols.h"
#include "watch/call_path.h"
#include "watch/lock_ledger.h"

namespace memrig {

// It takes samples of the task's stack, and watches the functions that the sampled functions call. At each entry it
// takes the state of the task: its stack from there on, and the registers that outlive a call. A state that comes again
// and again is counted.
//
// Not thread-safe; all that it is given must outlive it. An error is a fault of the rig, the host or the user, or an
// agent that does not answer (Fault::guest).
class LoopWatch {
public:
    // `ledger` may be null: then no lock is seen.
    LoopWatch(PlayContext context, const LockLedger* ledger, const SymbolTable& symbols)
        : context_(context), ledger_(ledger), symbols_(symbols), paths_(symbols) {}

    // Looks at an actor whose task is at work in the kernel, for as long as passes come, and until `over` at most. The
    // record gets what was seen. True if that proves a loop (lack_of_proof()). REQUIRES: no vCPU is held.
    Result<bool> look(const Actor& actor, const std::function<bool()>& over, Deadline give_up);

private:
    // A function that the task may come to again and again.
    struct Watched {
        Conductor::WatchId id;
        unsigned strangers = 0;   // entries by other tasks
        unsigned new_states = 0;  // entries in a state that was not seen there before
    };
    // The entries of one function in one state.
    struct Passes {
        std::uint64_t address = 0, site = 0, sp = 0;
        std::vector<std::string> path;
        unsigned count = 0;
        std::size_t order = 0;  // its place among all states, by their first entries
    };
    using States = std::map<std::string, Passes>;  // by the digest of the state

    // Returns the entries of the functions that the sampled ones call. The record of the loop gets the samples.
    Result<std::set<std::uint64_t>> take_samples(LoopRecord& loop);
    Result<std::optional<Arrival>> find_on_vcpu();
    Result<std::set<std::uint64_t>> callees_of(std::uint64_t function);
    // Waits until a state has come again. Returns the one of the outermost call, or the end if there is none.
    Result<States::const_iterator> find_state(const std::set<std::uint64_t>& functions, Deadline give_up);
    // Counts the passes of that state until they are enough, and enough time of the guest has passed.
    Status count(const States::const_iterator& state, LoopRecord& loop, Deadline give_up);
    Status count_to(unsigned passes, const States::const_iterator& state, Deadline give_up);
    void describe(const States::const_iterator& state, LoopRecord& loop) const;
    Status watch(std::uint64_t function);
    Status unwatch_all();
    Result<Response> at_entry(const Arrival& arrival);
    Result<std::string> state_of(const Arrival& arrival);
    Result<std::uint64_t> clock_of_guest();
    [[nodiscard]] std::size_t lock_events() const;
    Result<RunEnd> run_until(const std::function<bool()>& done, Deadline deadline);

    PlayContext context_;
    const LockLedger* ledger_;
    const SymbolTable& symbols_;
    CallPaths paths_;
    // These belong to the look that goes on.
    std::function<bool()> over_;
    std::uint64_t task_ = 0;
    bool searching_ = false;
    std::map<std::uint64_t, Watched> watched_;  // by the function's entry
    States states_;
};

}  // namespace memrig
