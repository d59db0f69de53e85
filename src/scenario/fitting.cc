#include <algorithm>
#include <cerrno>

#include "scenario/scenario.h"

namespace memrig {

namespace {

void fit(std::string& function, const Bench& bench) {
    if (function == kBenchHotplug) function = bench.hotplug.function;
}

void expect_online(Actor& actor) {
    if (actor.kind == ActorKind::adder && actor.device == MemoryDevice::pc_dimm) actor.onlined_by_kernel = true;
    if (actor.kind == ActorKind::vcpu_plugger) actor.onlined_by_kernel = true;
    if (actor.kind != ActorKind::onliner) return;
    const bool offers_online = std::ranges::find(actor.attributes, "online") != actor.attributes.end();
    if (offers_online) actor.attributes = {"online"};
    else if (actor.expected == std::vector{0}) actor.expected = {EINVAL};
}

}  // namespace

Scenario fitted_to(const Bench& bench, Scenario scenario) {
    for (auto& actor : scenario.schedule.actors) {
        for (auto& entry : actor.entry) fit(entry, bench);
        if (actor.kind == ActorKind::adder && actor.device == MemoryDevice::pc_dimm)
            actor.bytes = std::max(actor.bytes, bench.hotplug.least);
        if (bench.hotplug.onlines) expect_online(actor);
    }
    for (auto& step : scenario.schedule.steps)
        if (step.kind == StepKind::hold && bench.hypervisor) step.parked = true;
    for (auto& arm : scenario.arms)
        for (auto& elision : arm.elisions)
            for (auto& caller : elision.callers) fit(caller, bench);
    return scenario;
}

}  // namespace memrig
