#include "oracle/obligations.h"

#include <algorithm>
#include <array>

#include "oracle/kept_out.h"
#include "schedule/goals.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

bool acts(const Schedule& schedule, ActorKind kind) {
    return std::ranges::any_of(schedule.actors, [&](const Actor& actor) {
        return actor.kind == kind && (actor.is_thread() || actor.expects_success());
    });
}

bool succeeds(const Schedule& schedule, ActorKind kind) {
    return std::ranges::any_of(
        schedule.actors, [&](const Actor& actor) { return actor.kind == kind && actor.expected == std::vector{0}; });
}

// Device memory does not go through add_memory_resource().
bool adds_blocks(const Schedule& schedule) {
    return std::ranges::any_of(schedule.actors, [](const Actor& actor) {
        return actor.kind == ActorKind::adder && actor.device != MemoryDevice::nvdimm;
    });
}

void add_onlining(const Schedule& schedule, std::vector<Obligation>& all) {
    const bool onlines = acts(schedule, ActorKind::onliner);
    const bool offlines = acts(schedule, ActorKind::offliner);
    for (const auto& [does, function] :
         {std::pair{onlines, "memory_subsys_online"}, {offlines, "memory_subsys_offline"}})
        if (does) all.insert(all.end(), {{"R3", function}, {"R5", function}});
    if (onlines || offlines) all.insert(all.end(), {{"N1", ""}, {"N2", ""}, {"N3", ""}});
    if (succeeds(schedule, ActorKind::onliner))
        all.insert(all.end(), {{"R4", "move_pfn_range_to_zone"}, {"R4", "adjust_present_page_count"}});
    if (succeeds(schedule, ActorKind::offliner)) all.push_back({"R4", "remove_pfn_range_from_zone"});
}

// True if an actor asks for less of a virtio-mem device than the guest has of it.
bool shrinks(const Schedule& schedule) {
    std::uint64_t bytes = 0;
    for (const auto& step : schedule.steps)
        for (const auto& name : step.started()) {
            const Actor* const actor = schedule.find(name);
            if (actor == nullptr || actor->device != MemoryDevice::virtio_mem) continue;
            if (actor->kind != ActorKind::adder && actor->kind != ActorKind::resizer) continue;
            if (actor->kind == ActorKind::resizer && actor->bytes < bytes) return true;
            bytes = actor->bytes;
        }
    return false;
}

// True if a pc-dimm has online blocks when it is taken away: whoever removes it takes them offline first.
bool offlines_to_remove(const TrialEvidence& evidence) {
    Schedule before = evidence.schedule;
    before.steps.clear();
    for (const auto& step : evidence.schedule.steps) {
        const Actor* actor = step.kind == StepKind::start ? evidence.schedule.find(step.actor) : nullptr;
        const bool removes = actor != nullptr && actor->kind == ActorKind::remover &&
                             actor->device == MemoryDevice::pc_dimm && actor->expects_success();
        for (const auto& [adder, blocks] : removes ? evidence.performance.plugged : PluggedBlocks()) {
            if (evidence.schedule.actor(adder).device_id != actor->device_id) continue;
            const auto goals = goals_of(before, evidence.performance.plugged, evidence.block_bytes).goals;
            if (std::ranges::any_of(goals, [&](const BlockGoal& goal) {
                    return blocks.contains(goal.id) && goal.fate == BlockFate::online;
                }))
                return true;
        }
        before.steps.push_back(step);
    }
    return false;
}

}  // namespace

std::vector<Obligation> obligations_of(const TrialEvidence& evidence) {
    // An actor of a race may be refused before it comes to any rule.
    Schedule schedule = evidence.schedule;
    std::erase_if(schedule.actors, [](const Actor& actor) { return actor.races; });
    // If no adder succeeds, no memory is added and none is removed again.
    if (!acts(schedule, ActorKind::adder)) return {};
    std::vector<Obligation> all;
    // Memory that is there at boot was added before anybody watched.
    Schedule added = schedule;
    std::erase_if(added.actors, [](const Actor& actor) { return actor.at_boot; });
    if (acts(added, ActorKind::adder)) all.push_back({"R4", "arch_add_memory"});
    if (adds_blocks(added)) all.push_back({"R1", "{adder}"});
    if (shrinks(schedule) || acts(schedule, ActorKind::remover))
        all.insert(all.end(), {{"R2", "{remover}"}, {"R4", "arch_remove_memory"}});
    add_onlining(schedule, all);
    if (offlines_to_remove(evidence)) all.push_back({"R9", ""});
    if (acts(schedule, ActorKind::writer)) all.push_back({"R6", ""});
    if (acts(schedule, ActorKind::vcpu_plugger)) all.push_back({"R7", ""});
    const Observation behind_reader{Observation::Kind::asleep, locks::mem_hotplug};
    if (std::ranges::any_of(schedule.steps, [&](const Step& step) { return asks_for(step, behind_reader); }))
        all.push_back({"R8", ""});
    std::ranges::sort(all);
    return all;
}

std::vector<std::string> unmet_obligations(const TrialEvidence& evidence) {
    if (!evidence.rules || evidence.performance.end != PlayEnd::finished) return {};
    const RuleEvidence& rules = *evidence.rules;
    std::vector<std::string> missing;
    for (const auto& obligation : obligations_of(evidence)) {
        const auto is_it = [&](const RuleGap& gap) { return gap.is_in(obligation); };
        const auto unarmed = std::ranges::find_if(
            rules.gaps, [&](const RuleGap& gap) { return is_it(gap) && gap.kind == RuleGap::Kind::unarmed; });
        const bool made = obligation.function.empty() ? checks_of(rules.checks, obligation.rule) > 0
                                                      : rules.checks.contains(obligation);
        if (unarmed != rules.gaps.end()) missing.push_back("not armed: " + unarmed->text());
        else if (!made && std::ranges::none_of(rules.gaps, is_it))
            missing.push_back(fmt::format("rule {} was never put to the test", obligation.text()));
    }
    for (const auto& rule : evidence.schedule.rests_on) {
        if (checks_of(rules.checks, rule) > 0) continue;
        const auto gap =
            std::ranges::find_if(rules.gaps, [&](const RuleGap& one) { return one.obligation.rule == rule; });
        missing.push_back(fmt::format("rule {}, which the scenario is about, was never put to the test{}", rule,
                                      gap == rules.gaps.end() ? "" : ": " + gap->why));
    }
    return missing;
}

std::vector<std::string> gaps_of(const TrialEvidence& evidence) {
    std::vector<std::string> gaps;
    if (!evidence.rules) return gaps;
    const auto obligations = obligations_of(evidence);
    // Where any function will do, only a rule that was checked nowhere has a gap.
    const auto leaves_open = [&](const RuleGap& gap, const Obligation& one) {
        const bool elsewhere = one.function.empty() && !gap.obligation.function.empty();
        return gap.is_in(one) && !(elsewhere && checks_of(evidence.rules->checks, one.rule) > 0);
    };
    for (const auto& gap : evidence.rules->gaps) {
        const bool counts =
            std::ranges::any_of(obligations, [&](const Obligation& one) { return leaves_open(gap, one); });
        if (counts && std::ranges::find(gaps, gap.text()) == gaps.end()) gaps.push_back(gap.text());
    }
    return gaps;
}

void leave_out_unarmed(RuleEvidence& rules, const Armament& armament) {
    for (const std::string rule : kRuleNames) {
        const std::string why = why_unarmed(armament, rule);
        if (why.empty()) continue;
        std::erase_if(rules.breaches, [&](const RuleBreach& breach) { return breach.rule == rule; });
        std::erase_if(rules.checks, [&](const auto& check) { return check.first.rule == rule; });
        rules.gaps.push_back({{rule, ""}, why, RuleGap::Kind::unarmed});
    }
}

std::vector<std::string> blind_spots(const Armament& armament, const std::vector<std::string>& contradictions) {
    std::vector<std::string> spots;
    for (const Watcher watcher : {Watcher::clocks, Watcher::stacks, Watcher::mutexes, Watcher::rwsems})
        if (armament.is_unarmed(watcher))
            spots.push_back(fmt::format("{} are not armed: {}", to_string(watcher), armament.of(watcher).why));
    spots.insert(spots.end(), contradictions.begin(), contradictions.end());
    return spots;
}

}  // namespace memrig
