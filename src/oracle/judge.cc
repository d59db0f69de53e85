#include "oracle/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "oracle/lock_order.h"

namespace memrig {

namespace {

std::string task_name(const Performance& performance, std::uint64_t task) {
    for (const auto& [actor, stack] : performance.tasks)
        if (stack == task) return actor;
    return fmt::format("task {:x}", task);
}

bool asks_for(const Step& step, const Evidence& evidence) {
    return std::ranges::any_of(
        step.any, [&](const Evidence& one) { return evidence.kind == one.kind && evidence.subject == one.subject; });
}

// The evidence, seen while its step's hold was in force, that every await step asked for.
const EvidenceRecord* seen_under_hold(const TrialEvidence& evidence, const Step& step) {
    for (const auto& record : evidence.performance.evidence) {
        if (asks_for(step, record.evidence) && record.actor == step.actor && !record.during.empty()) return &record;
    }
    return nullptr;
}

// Whether a step saw its actor being refused under the hold, and not getting in under it all the same.
bool was_refused(const TrialEvidence& evidence) {
    const auto saw = [&](const Step& step, Evidence::Kind kind) {
        return std::ranges::any_of(evidence.performance.evidence, [&](const EvidenceRecord& record) {
            return record.evidence.kind == kind && record.actor == step.actor && !record.during.empty() &&
                   asks_for(step, record.evidence);
        });
    };
    return std::ranges::any_of(evidence.schedule.steps, [&](const Step& step) {
        return saw(step, Evidence::Kind::refused) && !saw(step, Evidence::Kind::entered);
    });
}

std::string hold_text(const HoldRecord& hold) {
    std::string text = fmt::format("{} was held at {}", hold.actor, hold.at);
    if (hold.block) text += fmt::format(" with memory{} visible", *hold.block);
    return text;
}

bool is_crash(ConsoleFindingKind kind) {
    return kind == ConsoleFindingKind::oops || kind == ConsoleFindingKind::panic ||
           kind == ConsoleFindingKind::sanitizer || kind == ConsoleFindingKind::other_bug;
}

Verdict verdict_of(ConsoleFindingKind kind) {
    switch (kind) {
        case ConsoleFindingKind::lockdep: return Verdict::lock_order;
        case ConsoleFindingKind::hung_task: return Verdict::hang;
        default: return Verdict::inconclusive;
    }
}

// The gravest first.
int gravity(Verdict verdict) {
    switch (verdict) {
        case Verdict::rig_fault: return 0;
        case Verdict::deadlock: return 1;
        case Verdict::oops: return 2;
        case Verdict::rule_broken: return 3;
        case Verdict::lock_order: return 4;
        case Verdict::hang: return 5;
        case Verdict::accounting: return 6;
        case Verdict::inconclusive: return 7;
        case Verdict::held: return 8;
    }
    return 9;
}

std::string held_reason(const TrialEvidence& evidence) {
    for (const auto& step : evidence.schedule.steps) {
        if (step.kind != StepKind::await) continue;
        const EvidenceRecord* record = seen_under_hold(evidence, step);
        if (record == nullptr) continue;
        for (const auto& hold : evidence.performance.holds)
            if (std::ranges::find(record->during, hold.actor) != record->during.end())
                return fmt::format("{} was {} ({}) while {}", record->actor, record->evidence.text(), record->where,
                                   hold_text(hold));
    }
    return "every step was seen, and all adds up";
}

}  // namespace

std::optional<Finding> crash_oracle(const TrialEvidence& evidence) {
    const auto& crashes = evidence.performance.crashes;
    const auto& printed = evidence.console.findings;
    const auto first =
        std::ranges::find_if(printed, [](const ConsoleFinding& finding) { return is_crash(finding.kind); });
    if (crashes.empty() && first == printed.end()) return std::nullopt;
    Finding finding{"crash", Verdict::oops, {}, {}};
    const std::string who = crashes.empty() || crashes.front().actor.empty() ? "the kernel" : crashes.front().actor;
    if (first != printed.end()) {
        finding.summary = fmt::format("{} crashed{}: {}", who, first->function.empty() ? "" : " in " + first->function,
                                      first->headline);
        finding.details = first->stack;
    } else {
        finding.summary = fmt::format("{} entered {}()", who, crashes.front().function);
    }
    return finding;
}

std::optional<Finding> deadlock_oracle(const TrialEvidence& evidence) {
    const Performance& performance = evidence.performance;
    if (performance.end != PlayEnd::stuck || performance.stuck.size() < 2) return std::nullopt;
    const StuckSample& first = performance.stuck[performance.stuck.size() - 2];
    const StuckSample& second = performance.stuck.back();
    const auto same_wish = [](const LockEvent& a, const LockEvent& b) {
        return a.task == b.task && a.instance == b.instance && a.lock == b.lock;
    };
    const bool cycle = first.cycle && second.cycle && std::ranges::equal(*first.cycle, *second.cycle, same_wish) &&
                       first.lock_events == second.lock_events;
    Finding finding{"deadlock", cycle ? Verdict::deadlock : Verdict::hang, {}, {}};
    if (cycle) {
        const WaitCycle& waits = *second.cycle;
        for (std::size_t i = 0; i < waits.size(); i++) {
            // Each waits for a lock of the next one's: so it holds what the one before it waits for.
            const LockEvent& before = waits[(i + waits.size() - 1) % waits.size()];
            const std::string line =
                fmt::format("{} holds {} and waits for {} ({})", task_name(performance, waits[i].task), before.lock,
                            waits[i].lock, waits[i].where);
            finding.summary += (finding.summary.empty() ? "" : "; ") + line;
        }
    } else {
        finding.summary =
            fmt::format("{} tasks are blocked and nothing moves, without a proven cycle", second.blocked.size());
    }
    for (const auto& task : second.blocked) {
        std::string stack;
        for (const auto& frame : task.stack) stack += (stack.empty() ? "" : " < ") + frame;
        finding.details.push_back(fmt::format("{} (pid {}, {}): {}", task.comm, task.tid, task.state, stack));
    }
    return finding;
}

std::optional<Finding> console_oracle(const TrialEvidence& evidence) {
    std::optional<Finding> gravest;
    for (const auto& printed : evidence.console.findings) {
        if (is_crash(printed.kind)) continue;  // the crash oracle's
        const Verdict verdict = verdict_of(printed.kind);
        if (gravest && gravity(gravest->verdict) <= gravity(verdict)) continue;
        gravest =
            Finding{"console", verdict, fmt::format("the console is not quiet: {}", printed.headline), printed.stack};
    }
    return gravest;
}

std::optional<Finding> accounting_oracle(const TrialEvidence& evidence) {
    const Performance& performance = evidence.performance;
    if (!performance.after) return std::nullopt;
    const auto plugger = std::ranges::find(evidence.schedule.actors, ActorKind::plugger, &Actor::kind);
    const int node = plugger == evidence.schedule.actors.end() ? 0 : plugger->node;
    auto wrong =
        check_onlined(performance.before, *performance.after, {performance.blocks, evidence.block_bytes, node});
    for (const auto& write : performance.writes)
        if (write.error != 0)
            wrong.push_back(
                fmt::format("{} could not online memory{}: errno {}", write.onliner, write.block, write.error));
    if (wrong.empty()) return std::nullopt;
    return Finding{"accounting", Verdict::accounting, wrong.front(), wrong};
}

std::optional<Finding> evidence_oracle(const TrialEvidence& evidence) {
    std::vector<std::string> missing;
    for (const auto& [order, counts] : evidence.elisions)
        if (counts.locks == 0)
            missing.push_back(fmt::format("{} was never called by {}: nothing was elided", order.lock, order.caller));
    for (const auto& function : evidence.never_overridden)
        missing.push_back(fmt::format("{}() was never called as the override expects", function));
    for (const auto& step : evidence.schedule.steps) {
        if (step.kind == StepKind::hold && std::ranges::find(evidence.performance.holds, step.actor,
                                                             &HoldRecord::actor) == evidence.performance.holds.end())
            missing.push_back(fmt::format("{} was never held at {}", step.actor, step.at));
        if (step.kind == StepKind::await && seen_under_hold(evidence, step) == nullptr)
            missing.push_back(fmt::format("not seen while the hold was in force: {}", step.text()));
    }
    if (evidence.performance.end != PlayEnd::finished)
        missing.push_back("no end to the step: " + evidence.performance.step);
    if (evidence.performance.end == PlayEnd::finished && !evidence.performance.after)
        missing.push_back("the guest's memory was not looked at");
    if (missing.empty()) return std::nullopt;
    return Finding{"evidence", Verdict::inconclusive, missing.front(), missing};
}

std::optional<Finding> rules_oracle(const TrialEvidence& evidence) {
    if (evidence.breaches.empty()) return std::nullopt;
    Finding finding{"rules", Verdict::rule_broken, {}, {}};
    for (const auto& breach : evidence.breaches) {
        std::string held;
        for (const auto& lock : breach.held) held += (held.empty() ? "" : ", ") + lock;
        finding.details.push_back(fmt::format("{}: {} entered {}() without {} (by way of {}), holding {}", breach.rule,
                                              task_name(evidence.performance, breach.task), breach.function,
                                              breach.lock, breach.path.empty() ? "?" : breach.path.front(),
                                              held.empty() ? "nothing" : held));
    }
    finding.summary = finding.details.front();
    return finding;
}

std::optional<Finding> lock_order_oracle(const TrialEvidence& evidence) {
    if (evidence.locks == nullptr) return std::nullopt;
    std::optional<Finding> told;
    for (const auto& inversion : lock_inversions(*evidence.locks)) {
        const bool gated = !inversion.gates.empty();
        std::string gates;
        for (const auto& gate : inversion.gates) gates += (gates.empty() ? "" : ", ") + gate;
        const std::string line = fmt::format("{} and {} are taken in both orders, {}", inversion.one.from,
                                             inversion.one.to, gated ? "gated by " + gates : "with no gate");
        if (!told || (told->verdict == Verdict::held && !gated))
            told = Finding{"lock-order", gated ? Verdict::held : Verdict::lock_order, line, {}};
        if (gated != (told->verdict == Verdict::held)) continue;
        for (const LockEdge* edge : {&inversion.one, &inversion.other})
            told->details.push_back(fmt::format("{}: {} ({}), then {} ({})",
                                                task_name(evidence.performance, edge->task), edge->from,
                                                edge->from_where, edge->to, edge->to_where));
    }
    return told;
}

Judgement judge(const TrialEvidence& evidence) {
    Judgement judgement;
    for (const auto& oracle : {crash_oracle, deadlock_oracle, rules_oracle, lock_order_oracle, console_oracle,
                               accounting_oracle, evidence_oracle})
        if (auto finding = oracle(evidence)) judgement.findings.push_back(std::move(*finding));
    // In a mutant arm the lock that the evidence speaks of is gone, and the schedule goes another way: that is no finding
    // against the actors. So "held" needs the refusal, and every other verdict stands on its own finding.
    std::ranges::stable_sort(judgement.findings, {}, [](const Finding& finding) { return gravity(finding.verdict); });
    if (judgement.findings.empty() || judgement.findings.front().verdict == Verdict::held) {
        const bool refused = was_refused(evidence);
        judgement.verdict = refused ? Verdict::held : Verdict::inconclusive;
        judgement.reason = refused ? held_reason(evidence)
                                   : "nobody was seen being refused, and kept out, while the hold was in force";
        return judgement;
    }
    judgement.verdict = judgement.findings.front().verdict;
    judgement.reason = judgement.findings.front().summary;
    return judgement;
}

}  // namespace memrig
