// The evidence oracle: finds what a trial lacks to prove anything.
#include <algorithm>

#include <fmt/ranges.h>

#include "oracle/kept_out.h"
#include "oracle/lock_order.h"
#include "oracle/obligations.h"
#include "oracle/outcomes.h"

namespace memrig {

namespace {

std::string no_end(const Performance& performance) {
    std::string text = "no end to the step: " + performance.step;
    const auto& looks = performance.stuck;
    if (performance.end == PlayEnd::crashed || looks.size() < 2) return text;
    if (performance.loop && !lack_of_proof(*performance.loop)) return text;
    if (const auto movement = movement_between(looks[looks.size() - 2], looks.back()))
        text += fmt::format(" (no standstill: {})", *movement);
    if (performance.loop) text += fmt::format(" (no proven loop: {})", *lack_of_proof(*performance.loop));
    return text;
}

}  // namespace

std::optional<Finding> evidence_oracle(const TrialEvidence& evidence) {
    std::vector<std::string> missing = evidence.lacks;
    // The cause of all else that is missing.
    const auto& printed = evidence.console.findings;
    if (const auto no_memory = std::ranges::find(printed, ConsoleFindingKind::out_of_memory, &ConsoleFinding::kind);
        no_memory != printed.end())
        missing.insert(missing.begin(), "the guest ran out of memory: " + no_memory->headline);
    if (!evidence.performance.in_vain.empty()) missing.push_back(evidence.performance.in_vain);
    for (const auto& [spec, counts] : evidence.elisions)
        if (counts.locks == 0)
            missing.push_back(fmt::format("{} was never called by {}: nothing was elided", spec.lock,
                                          fmt::join(spec.callers, " or ")));
    for (const auto& actor : evidence.schedule.actors)
        if (evidence.performance.after && actor.kind == ActorKind::filler &&
            !evidence.performance.after->figures.lost_pages.contains(actor.name))
            missing.push_back("nobody looked whether the pages of " + actor.name + " kept their content");
    if (!evidence.never_vetoed.empty()) missing.push_back("nobody vetoed " + evidence.never_vetoed);
    for (const auto& function : evidence.never_overridden)
        missing.push_back(fmt::format("{}() was never called as the override expects", function));
    for (const auto& failure : evidence.failures)
        if (!failure.came_to_pass)
            missing.push_back(
                fmt::format("only {} calls came of {}: nothing failed", failure.calls, failure_text(failure.order)));
    if (const std::size_t made = evidence.performance.checks.size(), asked = evidence.schedule.checks();
        evidence.mode == Mode::directed && evidence.performance.end == PlayEnd::finished && made < asked)
        missing.push_back(fmt::format("the memory was looked at {} times on the way, not {}", made, asked));
    for (const auto& function : evidence.never_replaced)
        missing.push_back(fmt::format("{}() was never called where it is replaced", function));
    for (const auto& function : evidence.never_inserted)
        missing.push_back(fmt::format("{}() was never called: nothing was inserted before it", function));
    for (const auto& step : evidence.mode == Mode::directed ? evidence.schedule.steps : std::vector<Step>()) {
        if (step.kind == StepKind::hold && std::ranges::find(evidence.performance.holds, step.actor,
                                                             &HoldRecord::actor) == evidence.performance.holds.end())
            missing.push_back(fmt::format("{} was never held at {}", step.actor, step.at));
        if (step.kind == StepKind::await && seen_under_hold(evidence, step) == nullptr)
            missing.push_back(fmt::format("not seen while the hold was in force: {}", step.text()));
    }
    if (const HoldRecord* hold = hold_in_force(evidence.performance);
        hold != nullptr && evidence.performance.end == PlayEnd::stuck)
        missing.push_back(fmt::format("nothing moved while {} was still held at {}", hold->actor, hold->at));
    if (evidence.performance.end != PlayEnd::finished) missing.push_back(no_end(evidence.performance));
    if (evidence.performance.end == PlayEnd::finished && !evidence.performance.after)
        missing.push_back("the guest's memory was not looked at");
    if (evidence.performance.end == PlayEnd::finished && !evidence.console_is_whole)
        missing.emplace_back("the console fell silent: it does not show the last word that the kernel was asked for");
    if (evidence.performance.end == PlayEnd::finished &&
        evidence.performance.footprints.size() < evidence.schedule.looks().size())
        missing.emplace_back("what the loop leaves behind was not looked at");
    else if (evidence.performance.end == PlayEnd::finished &&
             needs_further_looks(evidence.schedule, evidence.performance))
        missing.push_back(fmt::format("not looked at in {} further stretches: {}", kFurtherStretches,
                                      growing(evidence.performance.footprints).front()));
    if (std::ranges::any_of(evidence.performance.footprints, [](const Footprint& one) { return one.counters.empty(); }))
        missing.emplace_back("the guest does not count what is in its slab caches");
    for (const auto& reason : evidence.blind) missing.push_back("the lock ledger cannot be trusted: " + reason);
    for (const auto& disagreement : evidence.ledger_disagreements)
        missing.push_back("the ledger and the kernel's lock trace do not agree: " + disagreement);
    const auto& race = evidence.performance.race;
    if (race && evidence.performance.end == PlayEnd::finished && !race->complete)
        missing.emplace_back("not every switch of the race came to pass");
    if (!evidence.order_came_to_pass) missing.push_back("not every switch of the order came to pass");
    if (evidence.locks != nullptr)
        for (const auto& [first, second] : evidence.schedule.lock_order)
            if (!check_order(*evidence.locks, first, second).seen)
                missing.push_back(fmt::format("nobody was seen taking {} before {}", first, second));
    const auto unmet = unmet_obligations(evidence);
    missing.insert(missing.end(), unmet.begin(), unmet.end());
    if (missing.empty()) return std::nullopt;
    return Finding{"evidence", Verdict::inconclusive, missing.front(), missing, SentenceKey{missing.front()}};
}

}  // namespace memrig
