#include "console/lockdep.h"

#include <algorithm>
#include <array>

#include "console/stack.h"
#include "console/text.h"

namespace memrig::console {

namespace {

// The task in a line of lockdep_print_held_locks(): "2 locks held by kworker/0:1/9:".
std::optional<TaskName> owner(std::string_view text) {
    skip_spaces(text);
    if (take_digits(text).empty()) return std::nullopt;
    if (!consume(text, " locks held by ") && !consume(text, " lock held by ")) return std::nullopt;
    text = trim(text);
    if (text.ends_with(':')) text.remove_suffix(1);
    return task_name(text, '/');
}

}  // namespace

bool is_lockdep_headline(std::string_view text) {
    // The headlines of the print_*() functions in kernel/locking/lockdep.c.
    static constexpr auto begins = std::to_array<std::string_view>(
        {"possible circular locking dependency detected", "possible recursive locking detected",
         "inconsistent lock state", "bad unlock balance detected", "bad contention detected", "held lock freed",
         "lock held when returning to user space", "lock held at task exit time", "suspicious RCU usage",
         "possible irq lock inversion dependency detected", "Nested lock was not taken", "nested lock was not taken",
         "chain_key collision", "Invalid wait context"});
    static constexpr auto ends = std::to_array<std::string_view>(
        {"still has locks held!", "unsafe lock order detected", "has locks held at task exit time!"});
    const bool bracketed = consume(text, "[ ");
    if (!consume(text, "WARNING: ") && !(bracketed && (consume(text, "INFO: ") || consume(text, "BUG: "))))
        return false;
    if (bracketed && text.ends_with(" ]")) text.remove_suffix(2);
    return std::ranges::any_of(begins, [text](std::string_view part) { return text.starts_with(part); }) ||
           std::ranges::any_of(ends, [text](std::string_view part) { return text.ends_with(part); });
}

std::string_view taken_at(std::string_view text) {
    auto at = after(text, ", at: ");
    if (!at) return {};
    skip_spaces(*at);
    if (take_address(*at)) skip_spaces(*at);
    return symbol_at(*at);
}

std::optional<ActingTask> acting_task(std::string_view text) {
    static constexpr auto verbs = std::to_array<std::string_view>(
        {" is trying to ", " takes:", " is freeing memory ",
         " just changed the state of lock:", " is leaving the kernel with locks still held!"});
    for (const std::string_view verb : verbs) {
        auto name = before(text, verb);
        if (!name) continue;
        // The interrupt state may stand between task and verb: "init/1 [HC1[1]:SC0[0]:HE0:SE1] takes:".
        if (name->ends_with(']')) *name = name->substr(0, name->find(" [HC"));
        if (const auto task = task_name(*name, '/')) return ActingTask{task->comm, task->pid};
    }
    return std::nullopt;
}

bool ChainReader::feed(std::string_view text) {
    // No kernel prints a longer chain. MAX_CIRCULAR_QUEUE_SIZE bounds lockdep's search, but not what a guest sends.
    static constexpr std::size_t kMostLinks = 64, kMostFunctions = 64;
    if (consume(text, "-> #")) {
        in_link_ = false;
        if (take_digits(text).empty() || !consume(text, " (")) return false;
        const auto end = text.find("){");
        if (end == std::string_view::npos || links_.size() == kMostLinks) return false;
        links_.push_back({clean(text.substr(0, end)), {}});
        return in_link_ = true;
    }
    if (!in_link_) return false;
    const auto line = stack_line(text);
    in_link_ = line.is_entry;
    if (!line.function.empty() && links_.back().stack.size() < kMostFunctions)
        links_.back().stack.push_back(clean(line.function));
    return in_link_;
}

bool is_double_rule(std::string_view text) {
    return text.size() >= 20 && text.find_first_not_of('=') == std::string_view::npos;
}

std::optional<HeldLockDump> HeldLockReader::feed(std::string_view text) {
    if (is_double_rule(text)) {
        done_ = true;
        return std::nullopt;
    }
    if (const auto task = owner(text)) {
        comm_ = clean(task->comm);
        pid_ = task->pid;
        owned_ = true;
        return std::nullopt;
    }
    // print_lock(): " #0: ffff888003c5a938 (&dev->mutex){....}-{3:3}, at: func+0x1/0x2". Before 5.8 without "-{3:3}".
    // Before 4.16 also without the instance, and "[<address>]" precedes the function.
    skip_spaces(text);
    if (!owned_ || !consume(text, "#") || take_digits(text).empty() || !consume(text, ":")) return std::nullopt;
    skip_spaces(text);
    HeldLockDump lock;
    lock.comm = comm_;
    lock.pid = pid_;
    lock.instance = clean(take_hex(text), 32);
    skip_spaces(text);
    const auto end = text.find("){");
    if (!consume(text, "(") || end == std::string_view::npos || end < 1) return std::nullopt;
    lock.lock_class = clean(text.substr(0, end - 1));
    if (auto at = after(text.substr(end), ", at: ")) {
        skip_spaces(*at);
        if (take_address(*at)) skip_spaces(*at);
        lock.at = clean(trim(*at));
    }
    return lock;
}

}  // namespace memrig::console
