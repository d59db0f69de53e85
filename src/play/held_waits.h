// Sees which actors wait for a held vCPU. Such an actor cannot go on before the hold ends: while a vCPU is held, no
// grace period of RCU ends, the CPUs do not stop together, and the vCPU answers no interrupt.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "play/roster.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/passages.h"

namespace memrig {

// Knows a wait by the entry into a kernel function that cannot return meanwhile. A kernel that lacks one of these
// functions is not watched there. Not thread-safe; all that it is given must outlive it.
class HeldWaits {
public:
    // `observer` tells of the waits, or is null: then each of them stops the guest.
    HeldWaits(Conductor& conductor, const Roster& roster, const SymbolTable& symbols, LockObserver* observer = nullptr)
        : conductor_(conductor),
          roster_(roster),
          symbols_(symbols),
          observer_(observer),
          passages_(conductor, symbols, observer) {}
    // Returns the functions that watch() watches, and what has to be known of a call.
    static std::map<std::string, ObservedCall> calls();

    // Watches the functions that wait for RCU or for all CPUs. An actor may be inside one already when another one is
    // held, so this comes before the first hold.
    Status watch();
    // A vCPU is held now. Watches the functions that interrupt other CPUs, too: they are called too often to be watched
    // all the time. A handler may call it.
    Status begin_hold();
    // No vCPU is held any more.
    Status end_hold();
    // Returns what the actor waits for in vain while a vCPU is held: "RCU (synchronize_rcu < rcu_sync_enter+0x1c)". ""
    // if no such wait is known.
    [[nodiscard]] std::string wait_of(const std::string& actor) const;

private:
    // A function that interrupts other CPUs and waits for them.
    struct Interrupter {
        const char* function;
        bool takes_mask;       // its first argument is a cpumask, else the number of a CPU
        bool takes_condition;  // its fifth argument is a function that chooses among the CPUs, or null
    };
    // Returns true unless the actor is known to wait already.
    bool begins(const std::string& actor, const std::string& what, const Passage& call);
    Result<Response> at_interrupter(const Interrupter& interrupter, const Arrival& arrival);
    // True if the call interrupts a held vCPU, and waits for its answer.
    Result<bool> needs_held(const Interrupter& interrupter, const Arrival& arrival);

    Conductor& conductor_;
    const Roster& roster_;
    const SymbolTable& symbols_;
    LockObserver* observer_;
    Passages passages_;
    std::vector<Conductor::WatchId> interrupters_;  // while a vCPU is held
    std::map<std::string, std::string> waits_;      // by actor, until the function returns
};

}  // namespace memrig
