// The watches of the rules R1 to R10 and N1 to N4 in a trial, as one.
#pragma once

#include <memory>

#include "base/error.h"
#include "machine/machine.h"
#include "oracle/judge.h"
#include "watch/armament.h"
#include "watch/data_watch.h"
#include "watch/notifiers.h"
#include "watch/one_hold.h"
#include "watch/rules.h"

namespace memrig {

// Each is set, or none. Used on the conductor's thread, which owns what they watch.
struct RuleWatches {
    std::unique_ptr<RuleWatch> rules;
    std::unique_ptr<OneHoldWatch> one_hold;
    std::unique_ptr<DataWatch> data;
    std::unique_ptr<NotifierWatch> notices;
};

// Returns the layout of the zones' figures, if they can be watched: only TCG has enough watchpoints.
std::optional<MemoryLayout> watchable_layout(const Machine& machine, const Probe& probe, const Armament& armament);
// Watches all rules. `order` is for the notices, and `layout` for the figures of zones, which only an accelerator with
// enough watchpoints can watch (nothing: it cannot). All other arguments must outlive the watches. `observer` is null
// where the ledger sees by stops. Fails as the watches' own make().
Result<RuleWatches> watch_rules(Conductor& conductor, LockLedger& ledger, const SymbolTable& symbols,
                                NotifierSpec order, const std::optional<MemoryLayout>& layout, LockObserver* observer);
// Returns true if a task was seen to leave its entry function with a lock (R6).
bool left_with_a_lock(const RuleWatches& watches);
// Returns what they saw, without the rules that cannot be judged with this armament. REQUIRES: they are set.
RuleEvidence evidence_of(const RuleWatches& watches, const Armament& armament);

}  // namespace memrig
