#include "watch/rules.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/log.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"
#include "watch/roles.h"

namespace memrig {

namespace {
constexpr const char* kAdded = "added";
constexpr const char* kRemoved = "removed";
constexpr unsigned kResourceArgument = 1;  // of add_memory_resource()
}  // namespace

// try_remove_memory(start, size), before v5.15 (nid, start, size): a first argument as low as a node's number is a
// node, because no memory that can be removed lies so low.
RemovedRange removed_range(const std::vector<std::uint64_t>& arguments) {
    constexpr std::uint64_t most_nodes = 4096;
    MEMRIG_ASSERT(arguments.size() >= 3, "the arguments of a call are known");
    const unsigned start = arguments[0] < most_nodes ? 1 : 0;
    return {arguments[start], arguments[start + 1]};
}

Result<std::optional<std::uint64_t>> block_of_call(Probe& probe, const LockLedger& ledger, const Passage& passage) {
    MEMRIG_ASSERT(!passage.arguments.empty(), "the arguments of the call are known");
    const std::uint64_t device = passage.arguments.front();
    const auto known = passage.arrival == nullptr ? ledger.block_of_device(device) : std::nullopt;
    return known ? Result<std::optional<std::uint64_t>>(known) : memory_block_of(probe, passage.vcpu, device);
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
    for (const char* rule : {"R6", "R8", "R9", "R10", "N1", "N2", "N3"}) all.push_back({rule, ""});
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
    else
        return passages_.watch(*function,
                               rule.argument == Argument::any ? Passages::Needs::task : Passages::Needs::arguments,
                               [this, &rule, function](const Passage& passage) -> Result<bool> {
                                   MEMRIG_CHECK(check(rule, *function, passage));
                                   return false;
                               });
    return {};
}

// R5. Without a symbol for what adds or removes, no block can be judged.
Status RuleWatch::watch_blocks() {
    constexpr std::array blocks = {"memory_subsys_online", "memory_subsys_offline"};
    for (const auto& [role, added] : {std::pair{"{adder}", true}, {"{remover}", false}}) {
        const auto begins = [this, added](const Passage& passage) { return change_begins(passage, added); };
        const auto ends = [this, added](const Passage& passage) { return change_ends(passage, added); };
        if (const auto function = player_of(role, symbols_))
            MEMRIG_CHECK(passages_.watch(*function, Passages::Needs::arguments, begins, ends));
        else
            for (const char* block : blocks) gaps_.push_back({{"R5", block}, why_not_played(role)});
    }
    for (const char* function : blocks) {
        if (symbols_.all(function).empty()) gaps_.push_back({{"R5", function}, why_not_played(function)});
        else
            MEMRIG_CHECK(passages_.watch(function, Passages::Needs::arguments,
                                         [this, function](const Passage& passage) -> Result<bool> {
                                             MEMRIG_CHECK(check_block(function, passage));
                                             return false;
                                         }));
    }
    return {};
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

Status RuleWatch::check(const Rule& rule, const std::string& function, const Passage& passage) {
    MEMRIG_TRY(const bool as_played, is_as_played(rule, passage));
    if (as_played) return check_held(rule, function, passage);
    note_gap({{rule.name, rule.function},
              fmt::format("{} is not called as a function that {}", function, rule.does),
              RuleGap::Kind::unarmed});
    return {};
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

Result<bool> RuleWatch::is_as_played(const Rule& rule, const Passage& passage) {
    switch (rule.argument) {
        case Argument::any: return true;
        case Argument::block: {
            MEMRIG_TRY(const auto block, block_of(passage));
            return block.has_value();
        }
        case Argument::added:
        case Argument::removed: break;
    }
    MEMRIG_TRY(const auto change, change_of(passage, rule.argument == Argument::added));
    return change.has_value();
}

Result<std::optional<std::uint64_t>> RuleWatch::block_of(const Passage& passage) {
    return block_of_call(conductor_.probe(), ledger_, passage);
}

// add_memory_resource(nid, struct resource *, ...): a resource begins with its start and its end (the last byte).
// Memory is added and removed in whole blocks (check_hotplug_memory_range()).
Result<std::optional<RuleWatch::Change>> RuleWatch::change_of(const Passage& passage, bool added) {
    Change change{passage.task, 0, 0, added ? kAdded : kRemoved};
    if (added) {
        MEMRIG_TRY(const auto range, passages_.words_at(passage, kResourceArgument, 2));
        if (!range) return std::nullopt;
        change.start = (*range)[0];
        change.bytes = (*range)[1] - (*range)[0] + 1;
    } else {
        const RemovedRange range = removed_range(passage.arguments);
        change.start = range.start;
        change.bytes = range.bytes;
    }
    const bool whole = change.bytes != 0 && change.start % block_bytes_ == 0 && change.bytes % block_bytes_ == 0;
    return whole ? std::optional(change) : std::nullopt;
}

Result<bool> RuleWatch::change_begins(const Passage& passage, bool added) {
    MEMRIG_TRY(const auto change, change_of(passage, added));
    if (change) changes_.push_back(*change);
    return change.has_value();
}

Status RuleWatch::change_ends(const Passage& passage, bool added) {
    const auto last = std::ranges::find_if(changes_.rbegin(), changes_.rend(), [&](const Change& change) {
        return change.task == passage.task && change.what == (added ? kAdded : kRemoved);
    });
    if (last != changes_.rend()) changes_.erase(std::next(last).base());
    return {};
}

Status RuleWatch::check_block(const char* function, const Passage& passage) {
    MEMRIG_TRY(const auto block, block_of(passage));
    if (!block) return {};
    checks_[{"R5", function}]++;
    const std::uint64_t address = *block * block_bytes_;
    for (const auto& change : changes_) {
        if (change.task == passage.task || address < change.start || address - change.start >= change.bytes) continue;
        MEMRIG_CHECK(note_breach({"R5",
                                  function,
                                  fmt::format("memory{} is being {}", *block, change.what),
                                  passage.task,
                                  {},
                                  {},
                                  change.task},
                                 passage));
    }
    return {};
}

// R8: a section lies between the two calls, even where an elision keeps the task from taking the lock.
Status RuleWatch::watch_sections() {
    for (const auto& [side, begin, end] : {std::tuple{Side::reader, "get_online_mems", "put_online_mems"},
                                           {Side::writer, "mem_hotplug_begin", "mem_hotplug_done"}}) {
        if (symbols_.all(begin).empty() || symbols_.all(end).empty()) {
            gaps_.push_back({{"R8", ""}, why_not_played(symbols_.all(begin).empty() ? begin : end)});
            return {};
        }
        const auto begins = [this, side](const Passage& passage) { return section_begins(side, passage); };
        const auto inside = [this, side](const Passage& passage) { return section_begun(side, passage); };
        const auto ends = [this, side](const Passage& passage) -> Result<bool> {
            MEMRIG_CHECK(section_ends(side, passage));
            return false;
        };
        MEMRIG_CHECK(passages_.watch(begin, Passages::Needs::task, begins, inside, Priority::rule));
        MEMRIG_CHECK(passages_.watch(end, Passages::Needs::task, ends, {}, Priority::rule));
    }
    return {};
}

// Returns another task that is inside a section of the other kind, or nothing.
std::optional<std::uint64_t> RuleWatch::in_the_other(Side side, std::uint64_t task) {
    const auto& others = inside_[side == Side::reader ? Side::writer : Side::reader];
    const auto found = std::ranges::find_if(others, [&](std::uint64_t one) { return one != task; });
    return found == others.end() ? std::nullopt : std::optional(*found);
}

Result<bool> RuleWatch::section_begins(Side side, const Passage& passage) {
    if (!coming_[side].insert(passage.task).second) return false;  // it was parked and has come back
    // Only a task that arrives while another one is inside can be kept out, and so tests the rule.
    if (in_the_other(side, passage.task)) checks_[{"R8", ""}]++;
    return true;
}

Status RuleWatch::section_begun(Side side, const Passage& passage) {
    coming_[side].erase(passage.task);
    inside_[side].insert(passage.task);
    writer_sections_ += side == Side::writer;
    const auto another = in_the_other(side, passage.task);
    if (!another) return {};
    const bool reads = side == Side::reader;
    return note_breach({"R8",
                        reads ? "get_online_mems" : "mem_hotplug_begin",
                        reads ? "memory is being changed" : "memory is being read",
                        passage.task,
                        {},
                        {},
                        *another},
                       passage);
}

Status RuleWatch::section_ends(Side side, const Passage& passage) {
    if (inside_[side].erase(passage.task) > 0 || side == Side::reader) return {};
    return note_breach({"R8",
                        "mem_hotplug_done",
                        "mem_hotplug_lock",
                        passage.task,
                        {},
                        {},
                        0,
                        "without having entered mem_hotplug_begin()"},
                       passage);
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
        MEMRIG_CHECK(passages_.watch(*function, Passages::Needs::task, enters, leaves));
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

std::map<std::string, ObservedCall> RuleWatch::calls() {
    std::map<std::string, ObservedCall> calls;
    for (const char* store : {"{store-state}", "{store-online}", "{store-probe}"}) calls[store] = {.whole = true};
    for (const char* section : {"get_online_mems", "mem_hotplug_begin", "mem_hotplug_done"})
        calls[section] = {.whole = true};
    calls["put_online_mems"] = {};
    for (const auto& rule : all_rules()) {
        const unsigned pointer = rule.argument == Argument::added ? kResourceArgument + 1 : 0;
        calls[rule.function] = {.whole = rule.argument != Argument::any, .pointer = pointer};
    }
    return calls;
}

}  // namespace memrig
