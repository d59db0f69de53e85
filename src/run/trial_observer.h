// The observer of one trial: begins it before the guest runs, makes the lock ledger of it or compares it with one, and
// notes in the trial's result what it saw.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/machine.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "run/results.h"
#include "scenario/scenario.h"
#include "watch/armament.h"
#include "watch/lock_ledger.h"
#include "watch/lock_observer.h"

namespace memrig {

struct TrialSpec;

// Returns whether the trial watches locks at all.
bool keeps_ledger(const TrialSpec& order);
// Returns whether the trial is to have the observer's plugin. One without a whole ledger has no use for it.
bool wants_observer(const TrialSpec& order);
// Returns why the observer cannot watch a kernel that armed so, or "".
std::string no_observer_for(const Armament& armament);
// Makes the ledger of a trial: of what the observer sees, if there is one, else by stops. `whole`: of all locks, not
// only of attempts (LedgerExtent). All arguments must outlive it.
Result<std::unique_ptr<LockLedger>> make_trial_ledger(Machine& machine, Conductor& conductor,
                                                      const SymbolTable& symbols, const Armament& armament, bool whole,
                                                      LockObserver* observer);

// Its arguments must outlive it. Used on the conductor's thread. The calls come in the order in which they stand here.
class TrialObserver {
public:
    // The calls of the functions that the arm changes are not told by the observer: the changes come first.
    TrialObserver(Machine& machine, Conductor& conductor, const SymbolTable& symbols, const Armament& armament,
                  const ScenarioArm& arm)
        : machine_(machine), conductor_(conductor), symbols_(symbols), armament_(armament), arm_(arm) {}

    // Begins to observe, if the machine has an observer and the kernel lets it. Fault::rig if QEMU's monitor does not
    // answer. REQUIRES: the guest is stopped, and has not yet run in this QEMU.
    Status begin();
    // Returns the observer that a ledger can be made of. Null if there is none, or if it does not see all that it
    // should. It lives as long as this object.
    [[nodiscard]] LockObserver* eyes();
    // The ledger has just begun to watch; null if the trial keeps none. It must outlive finish().
    Status begin_comparison(LockLedger* ledger);
    // Notes in the result how many events were seen up to now, or to where the ledger ended. Compares the two if there
    // was a comparison. Stops the guest unless the ledger has ended. `sections` is RuleWatch::writer_sections().
    Status finish(TrialResult& result, std::uint64_t sections);
    // Returns the orders of all locks; nothing if the observer sees no calls.
    [[nodiscard]] std::optional<LockGraphFacts> lock_graph() const;
    // Returns why the observer is no proof: what it missed, and where it and the ledger differ. Empty if there is
    // nothing, and if there was no observer.
    [[nodiscard]] const std::vector<std::string>& doubts() const { return doubts_; }

private:
    Machine& machine_;
    Conductor& conductor_;
    const SymbolTable& symbols_;
    const Armament& armament_;
    const ScenarioArm& arm_;
    std::unique_ptr<LockObserver> observer_;
    // Doubts an observer that saw fewer tasks take mem_hotplug_lock than began a section. The lock names no owner.
    void compare_sections(std::uint64_t sections);
    void draw_graph();
    Status learn_tasks_of_cycles();
    // Returns the functions whose calls the observer tells, and what of them, by address.
    Result<std::map<std::uint64_t, ObservedCall>> calls();

    const LockLedger* ledger_ = nullptr;  // that the observer is compared with
    Subscription mutexes_;
    std::optional<LockGraph> graph_;
    Subscription lock_calls_, lock_events_, lock_names_;
    std::string unobserved_;  // why there is no observer, or nothing to compare it with
    std::vector<std::string> doubts_;
};

}  // namespace memrig
