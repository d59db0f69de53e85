// The console oracle: judges what the kernel itself printed, except crashes.
#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "oracle/judge.h"
#include "oracle/lock_order.h"

namespace memrig {

namespace {

constexpr const char* kGate = "device_hotplug_lock";

// True for what warn_alloc() says (mm/page_alloc.c): the kernel tells that it found no memory.
bool tells_of_no_memory(const ConsoleFinding& printed) {
    return printed.headline.find("allocation failure") != std::string::npos ||
           printed.headline.find("alloc failure") != std::string::npos;
}

// A kernel may warn of what the rig itself does to it. Where a call was made to fail, it has to cope without a warning.
Verdict verdict_of(const ConsoleFinding& printed, bool failed_call) {
    switch (printed.kind) {
        case ConsoleFindingKind::warning:
            return failed_call && !tells_of_no_memory(printed) ? Verdict::warning : Verdict::inconclusive;
        case ConsoleFindingKind::lockdep: return Verdict::lock_order;
        case ConsoleFindingKind::hung_task: return Verdict::hang;
        default: return Verdict::inconclusive;
    }
}

using Stack = std::vector<std::string>;  // innermost first

// Functions that take mem_hotplug_lock under the gate, or run while it is held, as far as the ledger has seen:
// is_gated() checks that. mem_hotplug_begin() does not show where the compiler jumps from its end to
// percpu_down_write(). Its callers do.
constexpr std::array kUnderGate = {"mem_hotplug_begin",     "try_remove_memory",    "__offline_pages",
                                   "offline_pages",         "online_pages",         "memory_subsys_online",
                                   "memory_subsys_offline", "memory_block_online",  "memory_block_offline",
                                   "add_memory_resource",   "__add_memory_resource"};
// Functions that get there without the gate: the boot, and the memory of devices.
constexpr std::array kWithoutGate = {"kernel_init", "start_kernel", "memremap_pages", "memunmap_pages"};
// Functions that do more than one of the operations above under one hold of the gate.
constexpr std::array kManyUnderOneHold = {"acpi_device_hotplug", "acpi_scan_hot_remove", "offline_and_remove_memory",
                                          "offline_and_remove_memory_ranges"};
// The outermost functions of a worker, which all workers have.
constexpr std::array kOfAnyWorker = {"process_one_work", "process_scheduled_works", "worker_thread",
                                     "kthread",          "ret_from_fork",           "ret_from_fork_asm"};

// Returns true if `function` is one of `names`, or a part of one that the compiler has split off ("NAME.part.0").
bool is_one_of(const std::string& function, std::span<const char* const> names) {
    const std::string name = function.substr(0, function.find('.'));
    return std::ranges::any_of(names, [&](const char* one) { return name == one; });
}

bool has_one_of(const Stack& stack, std::span<const char* const> names) {
    return std::ranges::any_of(stack, [&](const std::string& function) { return is_one_of(function, names); });
}

// Returns whether the gate was held where this dependency arose. lockdep prints the held locks only for the last
// dependency, which is the reported task's (#0).
bool is_under_gate(const ConsoleFinding& report, std::size_t link) {
    if (link + 1 == report.chain.size() &&
        std::ranges::find(report.held, kGate, &HeldLockDump::lock_class) != report.held.end())
        return true;
    const Stack& stack = report.chain[link].stack;
    return has_one_of(stack, kUnderGate) && !has_one_of(stack, kWithoutGate);
}

// Returns the outer part of the stack, from the outermost function of kUnderGate on; all of it if it has none.
std::span<const std::string> outer_part(const Stack& stack) {
    const auto outermost = std::find_if(stack.rbegin(), stack.rend(),
                                        [](const auto& function) { return is_one_of(function, kUnderGate); });
    return outermost == stack.rend() ? std::span(stack) : std::span(std::prev(outermost.base()), stack.end());
}

// Returns true if one task may have made both dependencies while it held the gate once. Then they are no evidence that
// two tasks exclude each other.
bool may_be_one_pass(const Stack& one, const Stack& other) {
    const auto outer = outer_part(one);
    if (std::ranges::equal(outer, outer_part(other))) return true;
    const auto [end, end_of_other] = std::mismatch(one.rbegin(), one.rend(), other.rbegin(), other.rend());
    const Stack common(one.rbegin(), end);
    if (has_one_of(common, kManyUnderOneHold)) return true;
    if (has_one_of(one, kUnderGate) && has_one_of(other, kUnderGate)) return false;
    // Nothing shows what one of them did under the gate.
    return std::ranges::any_of(common, [](const auto& function) { return !is_one_of(function, kOfAnyWorker); });
}

// Returns whether a gate makes the reported cycle harmless. lockdep knows no gates. It reports that the remover waits
// for the users of a block's attribute (kn->active) while it holds mem_hotplug_lock, and that such a user takes that
// lock. A deadlock needs a task at each dependency of the cycle at the same time, or one task at several that it made
// in one pass. Two tasks that both hold the same exclusive lock cannot exist.
bool is_gated(const ConsoleFinding& report, const std::vector<LockEvent>* ledger) {
    if (report.kind != ConsoleFindingKind::lockdep || !report.complete || ledger == nullptr) return false;
    if (report.headline.find("circular locking dependency") == std::string::npos) return false;
    std::vector<const Stack*> gated;
    bool apart = false;  // two of them were in different passes
    for (std::size_t link = 0; link < report.chain.size(); link++) {
        const Stack& stack = report.chain[link].stack;
        if (!is_under_gate(report, link)) continue;
        apart =
            apart || std::ranges::any_of(gated, [&](const Stack* other) { return !may_be_one_pass(*other, stack); });
        gated.push_back(&stack);
    }
    if (!apart) return false;
    const OrderCheck order = check_order(*ledger, kGate, "mem_hotplug_lock");
    return order.seen && !order.breach;
}

Finding finding_of(const ConsoleFinding& printed, const TrialEvidence& evidence) {
    const std::vector<LockEvent>* ledger = evidence.locks;
    if (printed.kind == ConsoleFindingKind::lockdep_off) {
        const SentenceKey key{"lockdep turned itself off: " + printed.headline};
        return {"console", Verdict::held, sentence(key), {}, key};
    }
    const bool gated = is_gated(printed, ledger);
    const bool failed_call = std::ranges::any_of(evidence.failures, &FailureEvidence::came_to_pass);
    ReportKey key{printed.headline, gated ? kGate : "", {}};
    if (!gated) key.path = printed.stack;
    else
        for (const auto& link : printed.chain)
            key.path.push_back(
                fmt::format("{}{}", link.lock_class, link.stack.empty() ? "" : ", taken in " + link.stack.front()));
    return {"console", gated ? Verdict::held : verdict_of(printed, failed_call), sentence(key), key.path, key};
}

}  // namespace

std::optional<Finding> console_oracle(const TrialEvidence& evidence) {
    std::optional<Finding> gravest;
    for (const auto& printed : evidence.console.findings) {
        // The crash oracle and the evidence oracle judge these.
        if (is_crash(printed.kind) || printed.kind == ConsoleFindingKind::out_of_memory) continue;
        Finding finding = finding_of(printed, evidence);
        if (!gravest || gravity(finding.verdict) < gravity(gravest->verdict)) gravest = std::move(finding);
    }
    return gravest;
}

}  // namespace memrig
