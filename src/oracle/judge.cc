#include "oracle/judge.h"

#include <algorithm>

#include <fmt/format.h>

#include "oracle/kept_out.h"
#include "oracle/obligations.h"
#include "oracle/outcomes.h"
#include "oracle/refusals.h"
#include "oracle/task_text.h"

namespace memrig {

namespace {

// The task's name with the kernel's own name for it: "adder (kworker/u6:2, pid 43)".
std::string full_name(const Performance& performance, std::uint64_t task) {
    const std::string name = task_name(performance, task);
    const auto known = performance.names.find(task);
    return known == performance.names.end() || known->second.text() == name
               ? name
               : fmt::format("{} ({})", name, known->second.text());
}

std::vector<std::string> path_of(const LockEvent& event) {
    return event.path.empty() ? std::vector{event.where} : event.path;
}

std::string hold_text(const HoldRecord& hold) {
    if (hold.pfn) return fmt::format("{} kept a page of memory{} pinned", hold.actor, hold.block.value_or(0));
    std::string text = fmt::format("{} was held at {}", hold.actor, hold.at);
    if (hold.block) text += fmt::format(" with memory{} visible", *hold.block);
    return text;
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

// The grounds for `held` in a loop that left nothing behind.
std::optional<std::string> loop_reason(const TrialEvidence& evidence) {
    const auto& footprints = evidence.performance.footprints;
    if (footprints.empty()) return std::nullopt;
    std::string text = fmt::format(
        "{} rounds in {:.0f} s, and since round {} nothing drifted: {} facts the same, none of {} counters grown by "
        "one a "
        "round",
        footprints.back().round, evidence.performance.schedule_seconds, evidence.schedule.warm_up,
        footprints.back().facts.size(), footprints.back().counters.size());
    const auto dropped = stopped_growing(footprints, evidence.schedule.looks().size());
    if (!dropped.empty()) text += fmt::format(" (suspected, and then not confirmed: {})", joined(dropped, "; "));
    return text;
}

// The grounds for `held` in a race that was played one actor at a time. If nobody scheduled the actors, nothing is
// proven.
std::optional<std::string> race_reason(const TrialEvidence& evidence) {
    const auto& race = evidence.performance.race;
    if (!race) return std::nullopt;
    const auto preempted = preemptions(race->switches);
    return fmt::format("no oracle objects to this order: {} switches, {} of them preemptions, at {} points",
                       race->switches.size(), preempted, race->points_passed);
}

// Returns the crashes that the probe saw, without a panic for lack of memory, which is no fault of the kernel's.
std::vector<Crash> crashes_of(const TrialEvidence& evidence) {
    std::vector<Crash> crashes = evidence.performance.crashes;
    if (std::ranges::any_of(evidence.console.findings, is_panic_of_memory))
        std::erase_if(crashes, [](const Crash& crash) { return crash.function == "panic"; });
    return crashes;
}

}  // namespace

std::optional<Finding> crash_oracle(const TrialEvidence& evidence) {
    const auto crashes = crashes_of(evidence);
    const auto& printed = evidence.console.findings;
    const auto first =
        std::ranges::find_if(printed, [](const ConsoleFinding& finding) { return is_crash(finding.kind); });
    if (crashes.empty() && first == printed.end()) return std::nullopt;
    CrashKey key;
    key.task = crashes.empty() || crashes.front().actor.empty() ? "the kernel" : crashes.front().actor;
    if (first != printed.end()) {
        key.function = first->function;
        key.headline = first->headline;
        key.path = first->stack;
    } else {
        key.function = crashes.front().function;
    }
    return Finding{"crash", Verdict::oops, sentence(key), key.path, key};
}

namespace {
CycleKey key_of(const Performance& performance, const WaitCycle& cycle) {
    CycleKey key;
    for (std::size_t i = 0; i < cycle.size(); i++) {
        // Each task waits for a lock that the next task holds. So it holds the lock that the task before it waits for.
        const LockEvent& holds = cycle[(i + cycle.size() - 1) % cycle.size()].taken;
        const LockEvent& wants = cycle[i].wants;
        key.waits.push_back(
            {task_name(performance, wants.task), holds.lock, path_of(holds), wants.lock, path_of(wants)});
    }
    return key;
}

// Draws the cycle: the lock that each task holds, the lock that it waits for, and the path to each.
std::vector<std::string> drawn(const Performance& performance, const WaitCycle& cycle, const CycleKey& key) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < cycle.size(); i++) {
        const WaitKey& waits = key.waits[i];
        lines.push_back(full_name(performance, cycle[i].wants.task));
        lines.push_back(fmt::format("  |- holds     {}, taken in {}", waits.holds, joined(waits.taken_in, " < ")));
        lines.push_back(fmt::format("  '- waits for {} in {}", waits.waits_for, joined(waits.wanted_in, " < ")));
        lines.push_back(fmt::format("       '-> held by {}{}", key.waits[(i + 1) % cycle.size()].task,
                                    i + 1 == cycle.size() ? ": the cycle is closed" : ""));
    }
    return lines;
}

std::string summary_of(const WaitCycle& cycle, const CycleKey& key) {
    std::string summary;
    for (std::size_t i = 0; i < cycle.size(); i++)
        summary += fmt::format("{}{} holds {} and waits for {} ({})", i == 0 ? "" : "; ", key.waits[i].task,
                               key.waits[i].holds, key.waits[i].waits_for, cycle[i].wants.where);
    return summary;
}
Finding loop_finding(const LoopRecord& loop) {
    LoopKey key{loop.actor, {}, {loop.function}, {}, loop.path};
    if (!loop.path.empty()) key.function = loop.path.front().substr(0, loop.path.front().rfind('+'));
    key.calls.insert(key.calls.end(), loop.also.begin(), loop.also.end());
    std::vector<std::string> details = {
        fmt::format("each pass: {} < {}", loop.function, joined(loop.path, " < ")),
        fmt::format("the loop also calls: {}", loop.also.empty() ? "nothing that was seen" : joined(loop.also, ", "))};
    for (const LockEvent& taken : loop.held) {
        key.holds.push_back(taken.lock);
        details.push_back(fmt::format("holds {}, taken in {}", taken.lock, joined(path_of(taken), " < ")));
    }
    for (const auto& sample : loop.samples) details.push_back("sample: " + sample);
    return {
        "deadlock", Verdict::hang,
        fmt::format("{}: it entered {}() {} times in one and the same state, in {:.1f} s of the guest's time, and no "
                    "lock of its own moved",
                    sentence(key), loop.function, loop.passes, static_cast<double>(loop.guest_ms) / 1000),
        std::move(details), key};
}
}  // namespace

std::optional<Finding> deadlock_oracle(const TrialEvidence& evidence) {
    const Performance& performance = evidence.performance;
    if (!evidence.blind.empty()) return std::nullopt;
    if (performance.end != PlayEnd::stuck) return std::nullopt;
    const bool by_rig = hold_in_force(performance) != nullptr;
    if (performance.loop && !lack_of_proof(*performance.loop))
        return by_rig ? std::nullopt : std::optional(loop_finding(*performance.loop));
    if (performance.stuck.size() < 2) return std::nullopt;
    const StuckSample& first = performance.stuck[performance.stuck.size() - 2];
    const StuckSample& second = performance.stuck.back();
    if (!shows_standstill(first, second)) return std::nullopt;
    const bool cycle = second.cycle.has_value();
    if (!cycle && by_rig) return std::nullopt;
    Finding finding{"deadlock", cycle ? Verdict::deadlock : Verdict::hang, {}, {}};
    if (cycle) {
        const CycleKey key = key_of(performance, *second.cycle);
        finding.summary = summary_of(*second.cycle, key);
        finding.details = drawn(performance, *second.cycle, key);
        finding.key = key;
    } else {
        HangKey key;
        for (const auto& task : second.blocked) key.paths.push_back(task.stack);
        finding.summary =
            fmt::format("{} tasks are blocked and nothing moves, without a proven cycle", second.blocked.size());
        finding.key = key;
    }
    for (const auto& task : second.blocked)
        finding.details.push_back(
            fmt::format("{} (pid {}, {}): {}", task.comm, task.tid, task.state, joined(task.stack, " < ")));
    for (const auto& lock : evidence.console.held_locks)
        finding.details.push_back(fmt::format("the kernel's own list: {} (pid {}) holds {}, taken at {}", lock.comm,
                                              lock.pid, lock.lock_class, lock.at));
    return finding;
}

namespace {
RuleKey key_of(const Performance& performance, const RuleBreach& breach) {
    const std::string reproach =
        !breach.reproach.empty() ? breach.reproach
        : breach.changer == 0    ? "without " + breach.lock
                                 : fmt::format("while {} by {}", breach.lock, task_name(performance, breach.changer));
    return {breach.rule, full_name(performance, breach.task), breach.function, reproach, breach.path};
}

// The breach in one line, with at most `callers` functions of its path.
std::string breach_text(const Performance& performance, const RuleBreach& breach, std::size_t callers) {
    std::vector<std::string> path = breach.path;
    if (path.size() > callers) path.resize(callers);
    return fmt::format("{} (by way of {}), holding {}", sentence(key_of(performance, breach)),
                       path.empty() ? "?" : joined(path, " < "),
                       breach.held.empty() ? "nothing" : joined(breach.held, ", "));
}
}  // namespace

std::optional<Finding> rules_oracle(const TrialEvidence& evidence) {
    if (!evidence.rules || evidence.rules->breaches.empty() || !evidence.blind.empty()) return std::nullopt;
    Finding finding{"rules", Verdict::rule_broken, {}, {}};
    for (const auto& breach : evidence.rules->breaches)
        finding.details.push_back(breach_text(evidence.performance, breach, breach.path.size()));
    const RuleBreach& first = evidence.rules->breaches.front();
    finding.summary = breach_text(evidence.performance, first, 1);
    finding.key = key_of(evidence.performance, first);
    return finding;
}

namespace {

struct Oracle {
    const char* name;
    std::optional<Finding> (*ask)(const TrialEvidence&);
    std::vector<Verdict> convicts_of;
};

const std::vector<Oracle>& all_oracles() {
    static const std::vector<Oracle> oracles = {
        {"crash", crash_oracle, {Verdict::oops}},
        {"deadlock", deadlock_oracle, {Verdict::deadlock, Verdict::hang}},
        {"rules", rules_oracle, {Verdict::rule_broken}},
        {"lock-order", lock_order_oracle, {Verdict::lock_order}},
        {"console", console_oracle, {Verdict::lock_order, Verdict::hang, Verdict::warning}},
        {"accounting", accounting_oracle, {Verdict::accounting}},
    };
    return oracles;
}

// The evidence that a judgement without a conviction may rest on.
struct Grounds {
    const TrialEvidence& evidence;
    const std::vector<Finding>& findings;
    const std::set<std::string>& oracles;  // empty: all were asked

    [[nodiscard]] bool asked(const char* oracle) const { return oracles.empty() || oracles.contains(oracle); }
    // lockdep is the only one that could have objected, and it looked away.
    [[nodiscard]] bool rests_on_lockdep_that_is_off() const {
        return oracles == std::set<std::string>{"console"} &&
               std::ranges::find(evidence.console.findings, ConsoleFindingKind::lockdep_off, &ConsoleFinding::kind) !=
                   evidence.console.findings.end();
    }
    // Returns the grounds for `held`; nothing if there are none.
    [[nodiscard]] std::optional<std::string> to_hold() const;
    [[nodiscard]] std::optional<std::string> by_lock_order() const;
    [[nodiscard]] const char* why_not() const;
};

std::optional<std::string> Grounds::to_hold() const {
    if (rests_on_lockdep_that_is_off()) return std::nullopt;
    switch (evidence.mode) {
        case Mode::free: return std::nullopt;
        case Mode::explore: return "no oracle objects to this order: " + evidence.performance.step;
        case Mode::directed: break;
    }
    if (evidence.schedule.is_loop()) return loop_reason(evidence);
    if (evidence.schedule.race() != nullptr) return race_reason(evidence);
    if (was_kept_out(evidence)) return held_reason(evidence);
    if (evidence.schedule.awaits()) return std::nullopt;
    // An expected refusal came. The accounting oracle checks that nothing of the refused device is left.
    if (evidence.schedule.checks() > 0) return checked_reason(evidence);
    if (expects_refusals(evidence.schedule)) return refusals_that_came(evidence.schedule, evidence.performance);
    return by_lock_order();
}

// Only the lock-order oracle sees an inversion with its gate, and whether a claimed order was broken.
std::optional<std::string> Grounds::by_lock_order() const {
    if (!asked("lock-order")) return std::nullopt;
    const auto told = std::ranges::find(findings, "lock-order", &Finding::oracle);
    if (told != findings.end() && told->verdict == Verdict::held) return told->summary;
    // The evidence oracle has checked that each claimed order was seen.
    if (evidence.schedule.lock_order.empty() || evidence.locks == nullptr) return std::nullopt;
    const auto& [first, second] = evidence.schedule.lock_order.front();
    return fmt::format("{} is taken before {}", first, second);
}

const char* Grounds::why_not() const {
    if (rests_on_lockdep_that_is_off()) return "only the oracle console was asked, and lockdep turned itself off";
    if (evidence.mode == Mode::free || evidence.schedule.race() != nullptr)
        return "nothing was found; nothing was scheduled, so nothing is proven";
    if (evidence.schedule.awaits()) return "nobody was seen being refused, and kept out, while the hold was in force";
    return asked("lock-order")
               ? "no inversion that a gate makes harmless was seen"
               : "the schedule awaits nothing, and the oracle lock-order, by which it could hold, was not asked";
}

// A trial that holds tells what this kernel did not allow to check: one finding for each gap.
void note_gaps(Judgement& judgement, const std::vector<std::string>& gaps) {
    if (gaps.empty()) return;
    judgement.reason += fmt::format(" (not checked: {})", joined(gaps, "; "));
    for (const auto& gap : gaps) judgement.findings.push_back({kGapOracle, Verdict::held, gap, {}, SentenceKey{gap}});
}

}  // namespace

const std::vector<std::string>& oracle_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const auto& oracle : all_oracles()) list.emplace_back(oracle.name);
        return list;
    }();
    return names;
}

std::vector<Verdict> convictions_by(const std::set<std::string>& oracles) {
    std::vector<Verdict> verdicts;
    for (const auto& oracle : all_oracles())
        if (oracles.contains(oracle.name))
            verdicts.insert(verdicts.end(), oracle.convicts_of.begin(), oracle.convicts_of.end());
    return verdicts;
}

Judgement judge(const TrialEvidence& evidence, const std::set<std::string>& oracles) {
    Judgement judgement;
    for (const auto& oracle : all_oracles()) {
        if (!oracles.empty() && !oracles.contains(oracle.name)) continue;
        if (auto finding = oracle.ask(evidence)) judgement.findings.push_back(std::move(*finding));
    }
    if (auto missing = evidence_oracle(evidence)) judgement.findings.push_back(std::move(*missing));
    // In a mutant arm, the lock that the evidence is about is elided, and the schedule takes another way. This is no
    // finding against the actors. So "held" needs grounds of its own, and every other verdict rests on its own finding.
    std::ranges::stable_sort(judgement.findings, {}, [](const Finding& finding) { return gravity(finding.verdict); });
    if (judgement.findings.empty() || judgement.findings.front().verdict == Verdict::held) {
        const Grounds rests_on{evidence, judgement.findings, oracles};
        const auto grounds = rests_on.to_hold();
        judgement.verdict = grounds ? Verdict::held : Verdict::inconclusive;
        judgement.reason = grounds.value_or(rests_on.why_not());
        if (grounds) note_gaps(judgement, gaps_of(evidence));
        return judgement;
    }
    judgement.verdict = judgement.findings.front().verdict;
    judgement.reason = judgement.findings.front().summary;
    return judgement;
}

}  // namespace memrig
