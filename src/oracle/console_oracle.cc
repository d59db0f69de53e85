// The console oracle: judges what the kernel itself printed, except crashes.
#include <algorithm>

#include <fmt/format.h>

#include "oracle/judge.h"
#include "oracle/lock_order.h"

namespace memrig {

namespace {

constexpr const char* kGate = "device_hotplug_lock";

Verdict verdict_of(ConsoleFindingKind kind) {
    switch (kind) {
        case ConsoleFindingKind::lockdep: return Verdict::lock_order;
        case ConsoleFindingKind::hung_task: return Verdict::hang;
        default: return Verdict::inconclusive;
    }
}

// Returns whether the gate was held where this dependency arose. lockdep prints the held locks only for the last
// dependency, which is the reported task's (#0). A task in mem_hotplug_begin() or try_remove_memory() held the gate
// as well, as far as the ledger has seen: is_gated() checks that.
bool is_under_gate(const ConsoleFinding& report, std::size_t link) {
    if (link + 1 == report.chain.size() &&
        std::ranges::find(report.held, kGate, &HeldLockDump::lock_class) != report.held.end())
        return true;
    return std::ranges::any_of(report.chain[link].stack, [](const std::string& function) {
        return function == "mem_hotplug_begin" || function == "try_remove_memory";
    });
}

// Returns whether a gate makes the reported cycle harmless. lockdep knows no gates. It reports that the remover waits
// for the users of a block's attribute (kn->active) while it holds mem_hotplug_lock, and that such a user takes that
// lock. A deadlock needs a task at each dependency of the cycle at the same time. Two tasks that both hold the same
// exclusive lock cannot exist.
bool is_gated(const ConsoleFinding& report, const std::vector<LockEvent>* ledger) {
    if (report.kind != ConsoleFindingKind::lockdep || !report.complete || ledger == nullptr) return false;
    if (report.headline.find("circular locking dependency") == std::string::npos) return false;
    std::size_t gated = 0;
    for (std::size_t link = 0; link < report.chain.size(); link++) gated += is_under_gate(report, link);
    if (gated < 2) return false;
    const OrderCheck order = check_order(*ledger, kGate, "mem_hotplug_lock");
    return order.seen && !order.breach;
}

Finding finding_of(const ConsoleFinding& printed, const std::vector<LockEvent>* ledger) {
    const bool gated = is_gated(printed, ledger);
    ReportKey key{printed.headline, gated ? kGate : "", {}};
    if (!gated) key.path = printed.stack;
    else
        for (const auto& link : printed.chain)
            key.path.push_back(
                fmt::format("{}{}", link.lock_class, link.stack.empty() ? "" : ", taken in " + link.stack.front()));
    return {"console", gated ? Verdict::held : verdict_of(printed.kind), sentence(key), key.path, key};
}

}  // namespace

std::optional<Finding> console_oracle(const TrialEvidence& evidence) {
    std::optional<Finding> gravest;
    for (const auto& printed : evidence.console.findings) {
        if (is_crash(printed.kind)) continue;  // judged by the crash oracle
        Finding finding = finding_of(printed, evidence.locks);
        if (!gravest || gravity(finding.verdict) < gravity(gravest->verdict)) gravest = std::move(finding);
    }
    return gravest;
}

}  // namespace memrig
