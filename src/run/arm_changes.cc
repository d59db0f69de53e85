#include "run/arm_changes.h"

namespace memrig {

std::set<std::string> functions_changed_by(const ScenarioArm& arm) {
    std::set<std::string> names;
    for (const auto& elision : arm.elisions) {
        names.insert(elision.lock);
        names.insert(elision.unlock);
    }
    for (const auto& one : arm.overrides) names.insert(one.function);
    // An inserted call returns to no place behind a call, where the observer would see it.
    for (const auto& insertion : arm.insertions) {
        names.insert(insertion.before);
        names.insert(insertion.calls.begin(), insertion.calls.end());
    }
    for (const auto& replacement : arm.replacements) names.insert({replacement.function, replacement.by});
    for (const auto& failure : arm.failures) names.insert(failure.function);
    return names;
}

Status ArmChanges::make_elisions() {
    for (const auto& order : arm_.elisions) {
        MEMRIG_TRY(auto elision, Elision::make(conductor_, symbols_, order));
        elisions_.push_back(std::move(elision));
    }
    return {};
}

Status ArmChanges::make_others() {
    for (const auto& order : arm_.overrides) {
        MEMRIG_TRY(auto forced, Override::make(conductor_, symbols_, order));
        overrides_.push_back(std::move(forced));
    }
    for (const auto& order : arm_.replacements) {
        MEMRIG_TRY(auto replaced, Replacement::make(conductor_, symbols_, order));
        replacements_.push_back(std::move(replaced));
    }
    for (const auto& order : arm_.insertions) {
        MEMRIG_TRY(auto inserted, Insertion::make(conductor_, symbols_, order));
        insertions_.push_back(std::move(inserted));
    }
    for (const auto& order : arm_.failures) {
        MEMRIG_TRY(auto failure, Failure::make(conductor_, symbols_, order));
        failures_.push_back(std::move(failure));
    }
    return {};
}

void ArmChanges::follow(Cast& cast) {
    if (failures_.empty()) return;
    work_ = cast.on_work(
        [this](const Actor& actor, const Arrival& arrival, bool begins) { return at_work(actor, arrival, begins); });
}

Status ArmChanges::at_work(const Actor& actor, const Arrival& arrival, bool begins) {
    const std::string entry(symbols_.function(arrival.address));
    for (const auto& failure : failures_) {
        if (failure->order().actor != actor.name) continue;
        MEMRIG_CHECK(begins ? failure->begin(arrival.task, entry) : failure->end());
    }
    return {};
}

void ArmChanges::report(TrialEvidence& evidence) const {
    for (const auto& forced : overrides_)
        if (forced->count() == 0) evidence.never_overridden.push_back(forced->order().function);
    for (const auto& replaced : replacements_)
        if (replaced->count() == 0) evidence.never_replaced.push_back(replaced->order().function);
    for (const auto& inserted : insertions_)
        if (inserted->count() == 0) evidence.never_inserted.push_back(inserted->order().before);
    for (const auto& elision : elisions_) evidence.elisions.emplace_back(elision->order(), elision->counts());
    for (const auto& failure : failures_)
        evidence.failures.push_back({failure->order(), failure->calls(), failure->came_to_pass()});
}

}  // namespace memrig
