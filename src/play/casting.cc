#include "play/casting.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace memrig {

namespace {

// From the step `begin` to the step `end`. An act that begins at the end of another does not overlap it.
struct Act {
    const Actor* actor;
    std::size_t begin, end;
    [[nodiscard]] bool overlaps(const Act& other) const { return begin < other.end && other.begin < end; }
};

Act act_of(const Actor& actor, const std::vector<Step>& steps, bool at_once) {
    Act act{&actor, 0, std::numeric_limits<std::size_t>::max()};
    for (std::size_t i = 0; i < steps.size() && !at_once; i++) {
        const bool races = steps[i].race && steps[i].starts(actor.name);
        if (steps[i].actor != actor.name && !races) continue;
        if (steps[i].kind == StepKind::start || races) act.begin = i;
        if (steps[i].kind == StepKind::finish || races) act.end = i + (races ? 1 : 0);
    }
    return act;
}

}  // namespace

Result<Casting> cast_threads(const Schedule& schedule, unsigned vcpus, unsigned housekeeping, bool at_once) {
    Casting casting;
    casting.left = housekeeping;
    std::vector<Act> acts;
    for (const auto& actor : schedule.actors) acts.push_back(act_of(actor, schedule.steps, at_once));
    for (const auto& act : acts) {
        if (!act.actor->is_thread()) continue;
        const auto free = [&](unsigned vcpu) {
            return std::ranges::none_of(acts, [&](const Act& other) {
                if (!act.overlaps(other)) return false;
                if (!other.actor->is_thread()) return vcpu == casting.left;
                const auto taken = casting.vcpus.find(other.actor->name);
                return taken != casting.vcpus.end() && taken->second == vcpu;
            });
        };
        unsigned vcpu = vcpus;
        while (vcpu > housekeeping && !free(vcpu - 1)) vcpu--;
        if (vcpu <= housekeeping)
            return fail(Fault::user_input, "the bench has no vCPU left for actor {}", act.actor->name);
        MEMRIG_ASSERT(vcpu - 1 >= housekeeping && vcpu <= vcpus, "a thread's vCPU is there, and no housekeeping one");
        casting.vcpus[act.actor->name] = vcpu - 1;
    }
    return casting;
}

}  // namespace memrig
