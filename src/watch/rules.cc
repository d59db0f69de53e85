#include "watch/rules.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

struct RuleWatch::Rule {
    const char* name;
    const char* function;  // a task that enters this function
    const char* lock;      // must hold this lock, and not as a reader
};

Result<std::unique_ptr<RuleWatch>> RuleWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols, std::uint64_t block_bytes) {
    static constexpr Rule rules[] = {
        {"R1", "add_memory_resource", "device_hotplug_lock"},
        {"R2", "try_remove_memory", "device_hotplug_lock"},
        {"R3", "memory_subsys_online", "device_hotplug_lock"},
        {"R3", "memory_subsys_offline", "device_hotplug_lock"},
        {"R4", "arch_add_memory", "mem_hotplug_lock"},
        {"R4", "arch_remove_memory", "mem_hotplug_lock"},
        {"R4", "move_pfn_range_to_zone", "mem_hotplug_lock"},
        {"R4", "remove_pfn_range_from_zone", "mem_hotplug_lock"},
        {"R4", "adjust_present_page_count", "mem_hotplug_lock"},
        {"R7", "arch_register_cpu", "device_hotplug_lock"},
        {"R7", "cpu_subsys_online", "device_hotplug_lock"},
    };
    std::unique_ptr<RuleWatch> watch(new RuleWatch(conductor, ledger, symbols, block_bytes));
    RuleWatch* self = watch.get();
    for (const auto& rule : rules) {
        if (!ledger.watches(rule.lock)) {
            watch->gaps_.push_back(fmt::format("{}: {} is not watched", rule.name, rule.lock));
        } else if (symbols.all(rule.function).empty()) {
            watch->gaps_.push_back(fmt::format("{}: {} has no symbol", rule.name, rule.function));
        } else {
            MEMRIG_CHECK(watch_function(conductor, symbols, rule.function,
                                        [self, &rule](const Arrival& arrival) { return self->check(rule, arrival); }));
        }
    }
    // R5.
    const auto watch_r5 = [&](const char* function, const Conductor::Handler& handler) -> Status {
        if (!symbols.all(function).empty()) return watch_function(conductor, symbols, function, handler);
        watch->gaps_.push_back(fmt::format("R5: {} has no symbol", function));
        return {};
    };
    for (const auto& [function, added] : {std::pair{"add_memory_resource", true}, {"try_remove_memory", false}})
        MEMRIG_CHECK(watch_r5(function, [self, added](const Arrival& at) { return self->change_begins(at, added); }));
    for (const char* function : {"memory_subsys_online", "memory_subsys_offline"})
        MEMRIG_CHECK(
            watch_r5(function, [self, function](const Arrival& at) { return self->check_block(function, at); }));
    for (const char* function : {"state_store", "online_store", "probe_store"})
        if (!symbols.all(function).empty())
            MEMRIG_CHECK(watch_function(conductor, symbols, function, [self, function](const Arrival& arrival) {
                return self->check_store(function, arrival);
            }));
    MEMRIG_CHECK(self->watch_sections());
    return watch;
}

Status RuleWatch::note_breach(RuleBreach breach, const Arrival& arrival) {
    if (breaches_.size() >= kMostBreaches) return {};
    MEMRIG_TRY(breach.path, paths_.read(conductor_.probe(), arrival, kPathDepth));
    for (const auto& event : ledger_.held_by(arrival.task))
        breach.held.push_back(event.shared ? event.lock + " for reading" : event.lock);
    logger(LogLayer::watch).info("rule {} is broken in {} by task {:x}", breach.rule, breach.function, breach.task);
    breaches_.push_back(std::move(breach));
    return {};
}

Result<Response> RuleWatch::check(const Rule& rule, const Arrival& arrival) {
    checks_++;
    checks_by_rule_[rule.name]++;
    const auto held = ledger_.held_by(arrival.task);
    const bool kept =
        std::ranges::any_of(held, [&](const LockEvent& event) { return event.lock == rule.lock && !event.shared; });
    if (!kept) MEMRIG_CHECK(note_breach({rule.name, rule.function, rule.lock, arrival.task, {}, {}}, arrival));
    return Response::pass();
}

// add_memory_resource(nid, struct resource *, ...): a resource begins with its start and its end (the last byte).
// try_remove_memory(start, size), before v5.15 (nid, start, size): a first argument as low as a node's number is a
// node, because no memory that can be removed lies so low.
Result<Response> RuleWatch::change_begins(const Arrival& arrival, bool added) {
    constexpr std::uint64_t most_nodes = 4096;
    Change change{arrival.task, 0, 0, added ? "added" : "removed"};
    if (added) {
        const std::uint64_t resource = arrival.registers.argument(1);
        const auto range = conductor_.probe().read_words(arrival.vcpu, {resource, resource + 8});
        if (!range && range.error().fault != Fault::guest) return std::unexpected(range.error());
        if (!range) return Response::pass();
        MEMRIG_ASSERT(range->size() == 2, "the probe reads a word at each address");
        change.start = (*range)[0];
        change.bytes = (*range)[1] - (*range)[0] + 1;
    } else {
        const bool with_node = arrival.registers.argument(0) < most_nodes;
        change.start = arrival.registers.argument(with_node ? 1 : 0);
        change.bytes = arrival.registers.argument(with_node ? 2 : 1);
    }
    changes_.push_back(change);
    MEMRIG_CHECK(conductor_.on_return(arrival, [this, change](const Arrival&, std::uint64_t) -> Status {
        std::erase_if(changes_, [&](const Change& other) {
            return other.task == change.task && other.start == change.start && other.what == change.what;
        });
        return {};
    }));
    return Response::pass();
}

Result<Response> RuleWatch::check_block(const char* function, const Arrival& arrival) {
    MEMRIG_TRY(const auto block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
    if (!block) return Response::pass();
    checks_++;
    checks_by_rule_["R5"]++;
    const std::uint64_t address = *block * block_bytes_;
    for (const auto& change : changes_) {
        if (change.task == arrival.task || address < change.start || address - change.start >= change.bytes) continue;
        MEMRIG_CHECK(note_breach({"R5",
                                  function,
                                  fmt::format("memory{} is being {}", *block, change.what),
                                  arrival.task,
                                  {},
                                  {},
                                  change.task},
                                 arrival));
    }
    return Response::pass();
}

// R8: a section lies between the two calls, even where an elision keeps the task from taking the lock.
Status RuleWatch::watch_sections() {
    for (const auto& [side, begin, end] : {std::tuple{Side::reader, "get_online_mems", "put_online_mems"},
                                           {Side::writer, "mem_hotplug_begin", "mem_hotplug_done"}}) {
        if (symbols_.all(begin).empty() || symbols_.all(end).empty()) {
            gaps_.push_back(fmt::format("R8: {} has no symbol", symbols_.all(begin).empty() ? begin : end));
            return {};
        }
        const auto begins = [this, side](const Arrival& arrival) { return section_begins(side, arrival); };
        const auto ends = [this, side](const Arrival& arrival) { return section_ends(side, arrival); };
        MEMRIG_CHECK(watch_function(conductor_, symbols_, begin, begins, Priority::rule));
        MEMRIG_CHECK(watch_function(conductor_, symbols_, end, ends, Priority::rule));
    }
    return {};
}

Result<Response> RuleWatch::section_begins(Side side, const Arrival& arrival) {
    const Side other = side == Side::reader ? Side::writer : Side::reader;
    const auto in_the_other = [this, other](std::uint64_t task) -> std::optional<std::uint64_t> {
        const auto found = std::ranges::find_if(inside_[other], [&](std::uint64_t one) { return one != task; });
        return found == inside_[other].end() ? std::nullopt : std::optional(*found);
    };
    if (!coming_[side].insert(arrival.task).second) return Response::pass();  // it was parked and has come back
    // Only a task that arrives while another one is inside can be kept out, and so tests the rule.
    if (in_the_other(arrival.task)) {
        checks_++;
        checks_by_rule_["R8"]++;
    }
    const auto gets_in = [this, side, in_the_other](const Arrival& returned, std::uint64_t) -> Status {
        coming_[side].erase(returned.task);
        inside_[side].insert(returned.task);
        const auto another = in_the_other(returned.task);
        if (!another) return {};
        const bool reads = side == Side::reader;
        return note_breach({"R8",
                            reads ? "get_online_mems" : "mem_hotplug_begin",
                            reads ? "memory is being changed" : "memory is being read",
                            returned.task,
                            {},
                            {},
                            *another},
                           returned);
    };
    MEMRIG_CHECK(conductor_.on_return(arrival, gets_in));
    return Response::pass();
}

Result<Response> RuleWatch::section_ends(Side side, const Arrival& arrival) {
    inside_[side].erase(arrival.task);
    return Response::pass();
}

// R6: also checked where the store function fails or is to be called again (-ERESTARTNOINTR).
Result<Response> RuleWatch::check_store(const char* function, const Arrival& arrival) {
    const std::size_t held_before = ledger_.held_by(arrival.task).size();
    const auto at_return = [this, function, held_before](const Arrival& returned, std::uint64_t) -> Status {
        checks_by_rule_["R6"]++;
        checks_++;
        const auto held = ledger_.held_by(returned.task);
        if (held.size() <= held_before) return {};
        return note_breach({"R6",
                            function,
                            held.back().lock,
                            returned.task,
                            {},
                            {},
                            0,
                            "and returned without giving back " + held.back().lock},
                           returned);
    };
    MEMRIG_CHECK(conductor_.on_return(arrival, at_return));
    return Response::pass();
}

}  // namespace memrig
