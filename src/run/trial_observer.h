// The observer of one trial: begins it before the guest runs, compares it with the lock ledger, and notes in the
// trial's result what it saw.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/machine.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "run/results.h"
#include "watch/armament.h"
#include "watch/lock_ledger.h"
#include "watch/lock_observer.h"

namespace memrig {

// Its arguments must outlive it. Used on the conductor's thread. The calls come in the order in which they stand here.
class TrialObserver {
public:
    TrialObserver(Machine& machine, Conductor& conductor, const SymbolTable& symbols, const Armament& armament)
        : machine_(machine), conductor_(conductor), symbols_(symbols), armament_(armament) {}

    // Begins to observe, if the machine has an observer and the kernel lets it. Fault::rig if QEMU's monitor does not
    // answer. REQUIRES: the guest is stopped, and has not yet run in this QEMU.
    Status begin();
    // The ledger has just begun to watch; null if the trial keeps none. It must outlive finish().
    Status begin_comparison(LockLedger* ledger);
    // Compares the two, up to now or to where the ledger ended, and notes the outcome in the result. Stops the
    // guest unless the ledger has ended.
    Status finish(TrialResult& result);
    // Returns why the observer and the ledger are no proof of each other: where they differ, and what the observer
    // missed. Empty if they agree, and if there was nothing to compare.
    [[nodiscard]] const std::vector<std::string>& doubts() const { return doubts_; }

private:
    Machine& machine_;
    Conductor& conductor_;
    const SymbolTable& symbols_;
    const Armament& armament_;
    std::unique_ptr<LockObserver> observer_;
    const LockLedger* ledger_ = nullptr;
    Subscription mutexes_;
    std::string unobserved_;  // why there is nothing to compare
    std::vector<std::string> doubts_;
};

}  // namespace memrig
