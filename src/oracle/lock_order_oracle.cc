// The lock-order oracle: convicts orders of locks that let tasks wait for each other, and tells those that a gate
// makes harmless.
#include <fmt/format.h>

#include "oracle/judge.h"
#include "oracle/lock_order.h"
#include "oracle/task_text.h"

namespace memrig {

namespace {

Finding claim_finding(const Performance& performance, const LockOrderClaim& claim, const LockEvent& breach) {
    const ClaimKey key{task_name(performance, breach.task), claim.second, claim.first, breach.path};
    return {"lock-order", Verdict::lock_order, fmt::format("{} ({})", sentence(key), breach.where), breach.path, key};
}

// "a and b are taken in both orders", or of a longer cycle "a, b and c are taken in a cycle by 3 tasks".
std::string disorder_text(const LockCycle& cycle) {
    if (cycle.edges.size() == 2)
        return fmt::format("{} and {} are taken in both orders", cycle.edges[0].from, cycle.edges[1].from);
    std::string text = cycle.edges.front().from;
    for (std::size_t i = 1; i < cycle.edges.size(); i++)
        text += (i + 1 == cycle.edges.size() ? " and " : ", ") + cycle.edges[i].from;
    return fmt::format("{} are taken in a cycle by {} tasks", text, cycle.edges.size());
}

// The caller adds the details.
Finding cycle_finding(const Performance& performance, const LockCycle& cycle) {
    InversionKey key;
    for (const LockEdge& edge : cycle.edges)
        key.orders.push_back({task_name(performance, edge.task), edge.from, edge.to});
    key.gates.assign(cycle.gates.begin(), cycle.gates.end());
    const bool gated = !key.gates.empty();
    return {"lock-order",
            gated ? Verdict::held : Verdict::lock_order,
            fmt::format("{}, {}", disorder_text(cycle), gated ? "gated by " + joined(key.gates, ", ") : "with no gate"),
            {},
            key};
}

// Tells the cycles without a gate, or else those with one. Nothing if there is no cycle.
std::optional<Finding> tell_cycles(const Performance& performance, const LockCycles& found) {
    std::optional<Finding> told;
    for (const auto& cycle : found.cycles) {  // those without a gate come first
        const bool gated = !cycle.gates.empty();
        if (!told) told = cycle_finding(performance, cycle);
        if (gated != (told->verdict == Verdict::held)) break;
        for (const LockEdge& edge : cycle.edges)
            told->details.push_back(fmt::format("{}: {} ({}), then {} ({})", task_name(performance, edge.task),
                                                edge.from, edge.from_where, edge.to, edge.to_where));
    }
    return told;
}

bool convicts_kernel(const std::optional<Finding>& finding) {
    return finding && finding->verdict == Verdict::lock_order;
}

}  // namespace

std::optional<Finding> lock_order_oracle(const TrialEvidence& evidence) {
    if (evidence.locks == nullptr || !evidence.blind.empty()) return std::nullopt;
    for (const auto& claim : evidence.schedule.lock_order)
        if (const auto breach = check_order(*evidence.locks, claim.first, claim.second).breach)
            return claim_finding(evidence.performance, claim, *breach);
    const LockCycles of_hotplug = lock_cycles(*evidence.locks);
    const auto told = tell_cycles(evidence.performance, of_hotplug);
    if (convicts_kernel(told)) return told;
    const LockCycles of_all = evidence.graph ? lock_cycles(evidence.graph->edges) : LockCycles();
    const auto more = tell_cycles(evidence.performance, of_all);
    if (convicts_kernel(more)) return more;
    // A cycle of other locks with a gate is no ground to hold: the lock graph shows it.
    const bool whole = !evidence.graph || evidence.graph->complete;
    if (of_hotplug.complete && of_all.complete && whole) return told;
    const std::string cut = whole ? "the search for cycles of locks was given up before its end"
                                  : "the locks were taken in more orders than are kept";
    return Finding{"lock-order", Verdict::inconclusive, cut, {}, SentenceKey{cut}};
}

}  // namespace memrig
