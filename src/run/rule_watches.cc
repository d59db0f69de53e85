#include "run/rule_watches.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "oracle/obligations.h"

namespace memrig {

Result<RuleWatches> watch_rules(Conductor& conductor, LockLedger& ledger, const SymbolTable& symbols,
                                NotifierSpec order, LockObserver* observer) {
    RuleWatches watches;
    const std::uint64_t bytes = order.block_bytes;
    MEMRIG_TRY(watches.rules, RuleWatch::make(conductor, ledger, symbols, bytes, observer));
    MEMRIG_TRY(watches.one_hold, OneHoldWatch::make(conductor, ledger, symbols, bytes));
    MEMRIG_TRY(watches.notices, NotifierWatch::make(conductor, ledger, symbols, std::move(order), observer));
    return watches;
}

bool left_with_a_lock(const RuleWatches& watches) {
    if (!watches.rules) return false;
    const auto& breaches = watches.rules->breaches();
    return std::ranges::find(breaches, "R6", &RuleBreach::rule) != breaches.end();
}

RuleEvidence evidence_of(const RuleWatches& watches, const Armament& armament) {
    MEMRIG_ASSERT(watches.rules && watches.one_hold && watches.notices, "the rules are watched");
    const auto& [rules, one_hold, notices] = watches;
    RuleEvidence all{rules->breaches(), rules->checks(), rules->gaps()};
    const auto add = [](auto& to, const auto& more) { to.insert(to.end(), more.begin(), more.end()); };
    add(all.breaches, notices->breaches());
    add(all.breaches, one_hold->breaches());
    add(all.gaps, notices->gaps());
    add(all.gaps, one_hold->gaps());
    all.checks.insert(notices->checks().begin(), notices->checks().end());
    if (one_hold->checks() > 0) all.checks[{"R9", ""}] = one_hold->checks();
    leave_out_unarmed(all, armament);
    return all;
}

}  // namespace memrig
