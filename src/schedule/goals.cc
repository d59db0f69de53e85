#include "schedule/goals.h"

#include <algorithm>

namespace memrig {

namespace {

using Goals = std::vector<BlockGoal>;

void all_to(Goals& goals, BlockFate fate, const std::string& zone = {}) {
    for (auto& goal : goals) {
        if (goal.fate == BlockFate::absent && fate == BlockFate::online) continue;
        goal.fate = fate;
        goal.zone = zone;
    }
}

// "online_movable" and "online_kernel" name the zone; else the kernel chooses.
std::string zone_asked_for(const Actor& actor) {
    if (actor.value == "online_movable") return "Movable";
    return actor.value == "online_kernel" ? "Normal" : "";
}

// The driver shrinks from the device's end (virtio_mem_sbm_unplug_request(), drivers/virtio/virtio_mem.c).
void shrink(Goals& goals, std::uint64_t blocks) {
    for (std::size_t i = blocks; i < goals.size(); i++) goals[i] = {goals[i].id, BlockFate::absent, ""};
}

void act(Goals& goals, const Schedule& schedule, const Actor& actor, std::uint64_t block_bytes) {
    if (actor.is_thread() && !actor.expects_success()) return;
    switch (actor.kind) {
        case ActorKind::plugger: {
            // Somebody has to tell the kernel of the memory where there is one who does.
            const bool probed =
                std::ranges::find(schedule.actors, ActorKind::prober, &Actor::kind) != schedule.actors.end();
            all_to(goals, probed ? BlockFate::absent : BlockFate::offline);
            break;
        }
        case ActorKind::prober: all_to(goals, BlockFate::offline); break;
        case ActorKind::onliner: all_to(goals, BlockFate::online, zone_asked_for(actor)); break;
        case ActorKind::offliner: all_to(goals, BlockFate::offline); break;
        case ActorKind::writer:
        case ActorKind::vcpu_plugger:
        case ActorKind::vcpu_onliner:
        case ActorKind::file_writer: break;
        case ActorKind::resizer: shrink(goals, actor.bytes / block_bytes); break;
        case ActorKind::unplugger: all_to(goals, BlockFate::absent); break;
    }
}

}  // namespace

std::vector<BlockGoal> goals_of(const Schedule& schedule, const BlockRange& blocks, std::uint64_t block_bytes) {
    Goals goals;
    for (std::uint64_t id = blocks.first; id <= blocks.last; id++) goals.push_back({id, BlockFate::absent, ""});
    for (const auto& step : schedule.steps)
        if (step.kind == StepKind::start)
            if (const Actor* actor = schedule.find(step.actor); actor != nullptr)
                act(goals, schedule, *actor, block_bytes);
    return goals;
}

}  // namespace memrig
