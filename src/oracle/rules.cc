#include "oracle/rules.h"

#include <algorithm>

#include "probe/elision.h"

namespace memrig {

namespace {
constexpr std::size_t kPathDepth = 6;
constexpr std::size_t kMostBreaches = 64;
}  // namespace

struct RuleWatch::Rule {
    const char* name;
    const char* function;  // whoever enters it
    const char* lock;      // holds this, and not as a reader
};

Result<std::unique_ptr<RuleWatch>> RuleWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols) {
    static constexpr Rule rules[] = {
        {"R1", "add_memory_resource", "device_hotplug_lock"},  {"R2", "try_remove_memory", "device_hotplug_lock"},
        {"R3", "memory_subsys_online", "device_hotplug_lock"}, {"R3", "memory_subsys_offline", "device_hotplug_lock"},
        {"R4", "arch_add_memory", "mem_hotplug_lock"},         {"R4", "arch_remove_memory", "mem_hotplug_lock"},
        {"R4", "move_pfn_range_to_zone", "mem_hotplug_lock"},  {"R4", "remove_pfn_range_from_zone", "mem_hotplug_lock"},
    };
    std::unique_ptr<RuleWatch> watch(new RuleWatch(conductor, ledger, symbols));
    RuleWatch* self = watch.get();
    for (const auto& rule : rules) {
        const bool lock_is_seen = symbols.unique(rule.lock).has_value();
        if (symbols.all(rule.function).empty() || !lock_is_seen) {
            watch->gaps_.push_back(
                fmt::format("{}: {} has no symbol", rule.name, lock_is_seen ? rule.function : rule.lock));
            continue;
        }
        MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, rule.function));
        for (const auto entry : entries)
            MEMRIG_CHECK(
                conductor.watch(entry, [self, &rule](const Arrival& arrival) { return self->check(rule, arrival); }));
    }
    return watch;
}

Result<Response> RuleWatch::check(const Rule& rule, const Arrival& arrival) {
    checks_++;
    const auto held = ledger_.held_by(arrival.task);
    const bool kept =
        std::ranges::any_of(held, [&](const LockEvent& event) { return event.lock == rule.lock && !event.shared; });
    if (kept || breaches_.size() >= kMostBreaches) return Response::pass();
    RuleBreach breach{rule.name, rule.function, rule.lock, arrival.task, {}, {}};
    MEMRIG_TRY(breach.path, paths_.read(conductor_.probe(), arrival, kPathDepth));
    for (const auto& event : held) breach.held.push_back(event.shared ? event.lock + " for reading" : event.lock);
    breaches_.push_back(std::move(breach));
    return Response::pass();
}

}  // namespace memrig
