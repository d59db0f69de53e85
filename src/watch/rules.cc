#include "watch/rules.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/log.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"
#include "watch/roles.h"

namespace memrig {

// try_remove_memory(start, size), before v5.15 (nid, start, size): a first argument as low as a node's number is a
// node, because no memory that can be removed lies so low.
RemovedRange removed_range(const Registers& registers) {
    constexpr std::uint64_t most_nodes = 4096;
    const unsigned start = registers.argument(0) < most_nodes ? 1 : 0;
    return {registers.argument(start), registers.argument(start + 1)};
}

std::string held_text(const LockEvent& event) { return event.shared ? event.lock + " for reading" : event.lock; }

// The arguments of a rule's function. A function that is not called with them is not the one that was meant.
enum class RuleWatch::Argument {
    any,
    block,   // the first is the device of a memory block
    added,   // the second is the resource that is added
    removed  // the range that is removed
};

struct RuleWatch::Rule {
    const char* name;
    const char* function;  // a function or a role: a task that enters it
    const char* lock;      // must hold this lock, and not as a reader
    Argument argument = Argument::any;
    const char* does = "";
};

const std::vector<RuleWatch::Rule>& RuleWatch::all_rules() {
    static const std::vector<Rule> rules = {
        {"R1", "{adder}", locks::device_hotplug, Argument::added, "adds memory"},
        {"R2", "{remover}", locks::device_hotplug, Argument::removed, "removes memory"},
        {"R3", "memory_subsys_online", locks::device_hotplug, Argument::block, "onlines a block"},
        {"R3", "memory_subsys_offline", locks::device_hotplug, Argument::block, "offlines a block"},
        {"R4", "arch_add_memory", locks::mem_hotplug},
        {"R4", "arch_remove_memory", locks::mem_hotplug},
        {"R4", "move_pfn_range_to_zone", locks::mem_hotplug},
        {"R4", "remove_pfn_range_from_zone", locks::mem_hotplug},
        {"R4", "adjust_present_page_count", locks::mem_hotplug},
        {"R7", "arch_register_cpu", locks::device_hotplug},
        {"R7", "cpu_subsys_online", locks::device_hotplug},
    };
    return rules;
}

std::vector<Obligation> watched_checks() {
    std::vector<Obligation> all = {{"R5", "memory_subsys_online"}, {"R5", "memory_subsys_offline"}};
    for (const auto& [rule, function] : RuleWatch::held_locks()) all.push_back({rule, function});
    for (const char* rule : {"R6", "R8", "R9", "N1", "N2", "N3"}) all.push_back({rule, ""});
    all.push_back({"N4", "node_notify"});
    std::ranges::sort(all);
    return all;
}

std::vector<std::pair<std::string, std::string>> RuleWatch::held_locks() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& rule : all_rules()) pairs.emplace_back(rule.name, rule.function);
    return pairs;
}

Result<std::unique_ptr<RuleWatch>> RuleWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols, std::uint64_t block_bytes,
                                                   LockObserver* observer) {
    std::unique_ptr<RuleWatch> watch(new RuleWatch(conductor, ledger, symbols, block_bytes, observer));
    for (const auto& rule : all_rules()) MEMRIG_CHECK(watch->watch_rule(rule));
    MEMRIG_CHECK(watch->watch_blocks());
    MEMRIG_CHECK(watch->watch_stores());
    MEMRIG_CHECK(watch->watch_sections());
    return watch;
}

Status RuleWatch::watch_rule(const Rule& rule) {
    const auto function = player_of(rule.function, symbols_);
    if (!ledger_.watches(rule.lock))
        gaps_.push_back({{rule.name, rule.function}, fmt::format("{} is not watched", rule.lock)});
    else if (!function) gaps_.push_back({{rule.name, rule.function}, why_not_played(rule.function)});
    else if (rule.argument == Argument::any)
        return passages_.watch(*function, [this, &rule, function](const Passage& passage) -> Result<bool> {
            MEMRIG_CHECK(check_held(rule, *function, passage));
            return false;
        });
    else
        return watch_function(conductor_, symbols_, *function, [this, &rule, function](const Arrival& arrival) {
            return check(rule, *function, arrival);
        });
    return {};
}

// R5. Without a symbol for what adds or removes, no block can be judged.
Status RuleWatch::watch_blocks() {
    constexpr std::array blocks = {"memory_subsys_online", "memory_subsys_offline"};
    for (const auto& [role, added] : {std::pair{"{adder}", true}, {"{remover}", false}}) {
        if (const auto function = player_of(role, symbols_))
            MEMRIG_CHECK(watch_function(conductor_, symbols_, *function, [this, added](const Arrival& arrival) {
                return change_begins(arrival, added);
            }));
        else
            for (const char* block : blocks) gaps_.push_back({{"R5", block}, why_not_played(role)});
    }
    for (const char* function : blocks) {
        if (symbols_.all(function).empty()) gaps_.push_back({{"R5", function}, why_not_played(function)});
        else
            MEMRIG_CHECK(watch_function(conductor_, symbols_, function, [this, function](const Arrival& arrival) {
                return check_block(function, arrival);
            }));
    }
    return {};
}

Status RuleWatch::note_breach(RuleBreach breach, const Arrival& arrival) {
    return note_breach(std::move(breach), passage_of(arrival));
}

Status RuleWatch::note_breach(RuleBreach breach, const Passage& passage) {
    if (breaches_.size() >= kMostBreaches) return {};
    breach.path = {passage.caller};
    if (passage.arrival != nullptr) {
        MEMRIG_TRY(breach.path, paths_.read(conductor_.probe(), *passage.arrival, kPathDepth));
    }
    for (const auto& event : ledger_.held_by(passage.task)) breach.held.push_back(held_text(event));
    logger(LogLayer::watch).info("rule {} is broken in {} by task {:x}", breach.rule, breach.function, breach.task);
    breaches_.push_back(std::move(breach));
    return {};
}

Result<Response> RuleWatch::check(const Rule& rule, const std::string& function, const Arrival& arrival) {
    MEMRIG_TRY(const bool as_played, is_as_played(rule, arrival));
    if (!as_played) {
        note_gap({{rule.name, rule.function},
                  fmt::format("{} is not called as a function that {}", function, rule.does),
                  RuleGap::Kind::unarmed});
        return Response::pass();
    }
    MEMRIG_CHECK(check_held(rule, function, passage_of(arrival)));
    return Response::pass();
}

Status RuleWatch::check_held(const Rule& rule, const std::string& function, const Passage& passage) {
    const auto held = ledger_.held_by(passage.task);
    const bool kept =
        std::ranges::any_of(held, [&](const LockEvent& event) { return event.lock == rule.lock && !event.shared; });
    if (!kept) {
        MEMRIG_TRY(const bool owner, is_owner(passage, rule.lock));
        if (owner) {
            note_gap({{rule.name, rule.function},
                      fmt::format("the ledger missed that a task took {}, which names it as its owner", rule.lock),
                      RuleGap::Kind::unarmed});
            return {};
        }
        MEMRIG_CHECK(note_breach({rule.name, function, rule.lock, passage.task, {}, {}}, passage));
    }
    checks_[{rule.name, rule.function}]++;
    return {};
}

void RuleWatch::note_gap(RuleGap gap) {
    if (std::ranges::find(gaps_, gap) == gaps_.end()) gaps_.push_back(std::move(gap));
}

// Without a stop at the function, the lock may have another owner by now. The observer notices what it misses itself.
Result<bool> RuleWatch::is_owner(const Passage& passage, const std::string& lock) {
    constexpr std::uint64_t flags = 7;
    const auto word = ledger_.owner_word_of(lock);
    if (!word || passage.arrival == nullptr) return false;
    const auto owner = conductor_.probe().read_u64(passage.vcpu, *word);
    if (!owner && owner.error().fault != Fault::guest) return std::unexpected(owner.error());
    return owner ? is_task(conductor_.probe(), passage.vcpu, *owner & ~flags, passage.task) : Result<bool>(false);
}

Result<bool> RuleWatch::is_as_played(const Rule& rule, const Arrival& arrival) {
    switch (rule.argument) {
        case Argument::any: return true;
        case Argument::block: {
            MEMRIG_TRY(const auto block,
                       memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
            return block.has_value();
        }
        case Argument::added:
        case Argument::removed: break;
    }
    MEMRIG_TRY(const auto change, change_of(arrival, rule.argument == Argument::added));
    return change.has_value();
}

// add_memory_resource(nid, struct resource *, ...): a resource begins with its start and its end (the last byte).
// Memory is added and removed in whole blocks (check_hotplug_memory_range()).
Result<std::optional<RuleWatch::Change>> RuleWatch::change_of(const Arrival& arrival, bool added) {
    Change change{arrival.task, 0, 0, added ? "added" : "removed"};
    if (added) {
        const std::uint64_t resource = arrival.registers.argument(1);
        const auto range = conductor_.probe().read_words(arrival.vcpu, {resource, resource + 8});
        if (!range && range.error().fault != Fault::guest) return std::unexpected(range.error());
        if (!range) return std::nullopt;
        MEMRIG_ASSERT(range->size() == 2, "the probe reads a word at each address");
        change.start = (*range)[0];
        change.bytes = (*range)[1] - (*range)[0] + 1;
    } else {
        const RemovedRange range = removed_range(arrival.registers);
        change.start = range.start;
        change.bytes = range.bytes;
    }
    const bool whole = change.bytes != 0 && change.start % block_bytes_ == 0 && change.bytes % block_bytes_ == 0;
    return whole ? std::optional(change) : std::nullopt;
}

Result<Response> RuleWatch::change_begins(const Arrival& arrival, bool added) {
    MEMRIG_TRY(const auto change, change_of(arrival, added));
    if (!change) return Response::pass();
    changes_.push_back(*change);
    MEMRIG_CHECK(conductor_.on_return(arrival, [this, change = *change](const Arrival&, std::uint64_t) -> Status {
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
    checks_[{"R5", function}]++;
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
            gaps_.push_back({{"R8", ""}, why_not_played(symbols_.all(begin).empty() ? begin : end)});
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
    if (in_the_other(arrival.task)) checks_[{"R8", ""}]++;
    const auto gets_in = [this, side, in_the_other](const Arrival& returned, std::uint64_t) -> Status {
        coming_[side].erase(returned.task);
        inside_[side].insert(returned.task);
        writer_sections_ += side == Side::writer;
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
    if (inside_[side].erase(arrival.task) > 0 || side == Side::reader) return Response::pass();
    MEMRIG_CHECK(note_breach({"R8",
                              "mem_hotplug_done",
                              "mem_hotplug_lock",
                              arrival.task,
                              {},
                              {},
                              0,
                              "without having entered mem_hotplug_begin()"},
                             arrival));
    return Response::pass();
}

// R6: also checked where the store function fails or is to be called again (-ERESTARTNOINTR).
Status RuleWatch::watch_stores() {
    for (const char* role : {"{store-state}", "{store-online}", "{store-probe}"}) {
        const auto function = player_of(role, symbols_);
        if (!function) continue;
        const auto enters = [this](const Passage& entered) -> Result<bool> {
            held_at_store_[entered.task] = ledger_.held_by(entered.task).size();
            return true;
        };
        const auto leaves = [this, function](const Passage& left) -> Status {
            const auto entered = held_at_store_.find(left.task);
            if (entered == held_at_store_.end()) return {};
            const std::size_t held_before = entered->second;
            held_at_store_.erase(entered);
            return check_left(*function, left, held_before);
        };
        MEMRIG_CHECK(passages_.watch(*function, enters, leaves));
    }
    return {};
}

Status RuleWatch::check_left(const std::string& function, const Passage& left, std::size_t held_before) {
    checks_[{"R6", ""}]++;
    const auto held = ledger_.held_by(left.task);
    if (held.size() <= held_before) return {};
    return note_breach({"R6",
                        function,
                        held.back().lock,
                        left.task,
                        {},
                        {},
                        0,
                        "and returned without giving back " + held.back().lock},
                       left);
}

Status RuleWatch::check_leaving(const std::string& function, const Arrival& entry) {
    const std::size_t held_before = ledger_.held_by(entry.task).size();
    return conductor_.on_return(entry, [this, function, held_before](const Arrival& returned, std::uint64_t) {
        return check_left(function, passage_of(returned), held_before);
    });
}

std::vector<std::string> RuleWatch::functions_without_arguments() {
    std::vector<std::string> functions = {"{store-state}", "{store-online}", "{store-probe}"};
    for (const auto& rule : all_rules())
        if (rule.argument == Argument::any) functions.emplace_back(rule.function);
    return functions;
}

}  // namespace memrig
