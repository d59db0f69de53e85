#include "run/rule_watches.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "oracle/obligations.h"

namespace memrig {

std::optional<MemoryLayout> watchable_layout(const Machine& machine, const Probe& probe, const Armament& armament) {
    const bool can = machine.accelerator() == Accelerator::tcg && probe.architecture().watched_writes_pass;
    return can ? armament.layout : std::nullopt;
}

Result<RuleWatches> watch_rules(Conductor& conductor, LockLedger& ledger, const SymbolTable& symbols,
                                NotifierSpec order, const std::optional<MemoryLayout>& layout, LockObserver* observer) {
    RuleWatches watches;
    const std::uint64_t bytes = order.block_bytes;
    MEMRIG_TRY(watches.rules, RuleWatch::make(conductor, ledger, symbols, bytes, observer));
    MEMRIG_TRY(watches.one_hold, OneHoldWatch::make(conductor, ledger, symbols, bytes));
    std::vector<HotplugFigure> figures;
    if (layout) {
        MEMRIG_TRY(figures, hotplug_figures(conductor.probe(), symbols, *layout, ZonesToWatch::added));
    }
    MEMRIG_TRY(watches.data, DataWatch::make(conductor, ledger, symbols, std::move(figures),
                                             layout ? "this kernel does not tell where its nodes are"
                                                    : "the figures of zones cannot be watched"));
    MEMRIG_TRY(watches.notices, NotifierWatch::make(conductor, ledger, symbols, std::move(order), observer));
    return watches;
}

bool left_with_a_lock(const RuleWatches& watches) {
    if (!watches.rules) return false;
    const auto& breaches = watches.rules->breaches();
    return std::ranges::find(breaches, "R6", &RuleBreach::rule) != breaches.end();
}

RuleEvidence evidence_of(const RuleWatches& watches, const Armament& armament) {
    MEMRIG_ASSERT(watches.rules && watches.one_hold && watches.data && watches.notices, "the rules are watched");
    const auto& [rules, one_hold, data, notices] = watches;
    RuleEvidence all{rules->breaches(), rules->checks(), rules->gaps()};
    const auto add = [](auto& to, const auto& more) { to.insert(to.end(), more.begin(), more.end()); };
    add(all.breaches, notices->breaches());
    add(all.breaches, one_hold->breaches());
    add(all.breaches, data->breaches());
    add(all.gaps, data->gaps());
    add(all.gaps, notices->gaps());
    add(all.gaps, one_hold->gaps());
    all.checks.insert(notices->checks().begin(), notices->checks().end());
    if (one_hold->checks() > 0) all.checks[{"R9", ""}] = one_hold->checks();
    if (data->checks() > 0) all.checks[{"R10", ""}] = data->checks();
    leave_out_unarmed(all, armament);
    return all;
}

}  // namespace memrig
