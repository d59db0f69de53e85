// The evidence oracle: finds what a trial lacks to prove anything.
#include <algorithm>

#include <fmt/ranges.h>

#include "oracle/kept_out.h"
#include "oracle/lock_order.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

bool has_gap(const RuleEvidence& rules, const std::string& rule) {
    return std::ranges::any_of(rules.gaps, [&](const std::string& gap) { return gap.starts_with(rule + ":"); });
}

// The rules that every trial of this schedule must put to the test.
std::vector<std::string> rules_at_stake(const Schedule& schedule) {
    const auto acts = [&](ActorKind kind) {
        return std::ranges::any_of(schedule.actors, [&](const Actor& actor) {
            return actor.kind == kind && (actor.is_thread() || actor.expects_success());
        });
    };
    // If no adder succeeds, no memory is added and none is removed again.
    if (!acts(ActorKind::adder)) return {};
    std::vector<std::string> rules = {"R4"};
    // Device memory does not go through add_memory_resource().
    if (std::ranges::any_of(schedule.actors, [](const Actor& actor) {
            return actor.kind == ActorKind::adder && actor.device != MemoryDevice::nvdimm;
        }))
        rules.emplace_back("R1");
    if (acts(ActorKind::resizer) || acts(ActorKind::remover)) rules.emplace_back("R2");
    if (acts(ActorKind::onliner) || acts(ActorKind::offliner))
        rules.insert(rules.end(), {"R3", "R5", "N1", "N2", "N3"});
    if (acts(ActorKind::writer)) rules.emplace_back("R6");
    if (acts(ActorKind::vcpu_plugger)) rules.emplace_back("R7");
    const Observation behind_reader{Observation::Kind::asleep, locks::mem_hotplug};
    if (std::ranges::any_of(schedule.steps, [&](const Step& step) { return asks_for(step, behind_reader); }))
        rules.emplace_back("R8");
    return rules;
}

}  // namespace

std::optional<Finding> evidence_oracle(const TrialEvidence& evidence) {
    std::vector<std::string> missing;
    for (const auto& [spec, counts] : evidence.elisions)
        if (counts.locks == 0)
            missing.push_back(fmt::format("{} was never called by {}: nothing was elided", spec.lock,
                                          fmt::join(spec.callers, " or ")));
    if (!evidence.never_vetoed.empty()) missing.push_back("nobody vetoed " + evidence.never_vetoed);
    for (const auto& function : evidence.never_overridden)
        missing.push_back(fmt::format("{}() was never called as the override expects", function));
    for (const auto& step : evidence.mode == Mode::directed ? evidence.schedule.steps : std::vector<Step>()) {
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
    if (evidence.performance.end == PlayEnd::finished &&
        evidence.performance.footprints.size() != evidence.schedule.looks().size())
        missing.emplace_back("what the loop leaves behind was not looked at");
    if (std::ranges::any_of(evidence.performance.footprints, [](const Footprint& one) { return one.counters.empty(); }))
        missing.emplace_back("the guest does not count what is in its slab caches");
    for (const auto& disagreement : evidence.ledger_disagreements)
        missing.push_back("the ledger and the kernel's lock trace do not agree: " + disagreement);
    if (!evidence.order_came_to_pass) missing.push_back("not every switch of the order came to pass");
    if (evidence.locks != nullptr)
        for (const auto& [first, second] : evidence.schedule.lock_order)
            if (!check_order(*evidence.locks, first, second).seen)
                missing.push_back(fmt::format("nobody was seen taking {} before {}", first, second));
    if (evidence.rules && evidence.performance.end == PlayEnd::finished)
        for (const auto& rule : rules_at_stake(evidence.schedule))
            if (!evidence.rules->checks.contains(rule) && !has_gap(*evidence.rules, rule))
                missing.push_back(fmt::format("rule {} was never put to the test", rule));
    if (missing.empty()) return std::nullopt;
    return Finding{"evidence", Verdict::inconclusive, missing.front(), missing, SentenceKey{missing.front()}};
}

}  // namespace memrig
