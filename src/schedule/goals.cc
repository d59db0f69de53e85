#include "schedule/goals.h"

#include <algorithm>

namespace memrig {

namespace {

// "online_movable" and "online_kernel" name the zone; else the kernel chooses.
std::string zone_asked_for(const Actor& actor) {
    if (!actor.zone.empty()) return actor.zone;
    if (actor.value == "online_movable") return "Movable";
    return actor.value == "online_kernel" ? "Normal" : "";
}

class Goals {
public:
    Goals(const Schedule& schedule, const PluggedBlocks& plugged, std::uint64_t block_bytes,
          const RefusedBlocks& refused)
        : schedule_(schedule), plugged_(plugged), refused_(refused) {
        spec_.block_bytes = block_bytes;
    }

    void act(const Actor& actor);
    // The actors act in any order. `seen` may be null.
    void race(const Race& race, const std::vector<MemoryBlock>* seen);
    AccountingSpec spec() && { return std::move(spec_); }

private:
    // One way in which the race may leave a block.
    struct Outcome {
        BlockFate fate;
        std::string zone;  // empty: any
    };
    [[nodiscard]] std::vector<Outcome> outcomes_of(const Race& race, const BlockGoal& before) const;
    [[nodiscard]] bool acts_on(const Actor& actor, std::uint64_t block) const;
    void plug(const Actor& actor);
    void unplug(const Actor& actor);
    // For the blocks of the device that the actor names, or for all.
    void all_to(const Actor& actor, BlockFate fate, const std::string& zone = {});
    [[nodiscard]] bool was_refused(const Actor& actor, std::uint64_t block) const {
        const auto blocks = refused_.find(actor.name);
        return blocks != refused_.end() && blocks->second.contains(block);
    }

    const Schedule& schedule_;
    const PluggedBlocks& plugged_;
    const RefusedBlocks& refused_;
    AccountingSpec spec_;
    std::map<std::string, const Actor*> devices_;  // by id: who plugged it
    std::set<std::uint64_t> reused_;               // blocks of a device that lies where another one was
};

void Goals::plug(const Actor& actor) {
    const bool was_granted = !actor.races || plugged_.contains(actor.name);
    if (actor.plugs_device() && actor.expects_qemu_to() && was_granted) {
        devices_[actor.device_id] = &actor;
        spec_.qemu.devices.insert(actor.device_id);
        spec_.qemu.backends.insert(backend_of(actor));
    }
    const auto blocks = plugged_.find(actor.name);
    if (!actor.expects_success() || blocks == plugged_.end()) return;
    // Where the schedule has a prober, the kernel learns of the memory only from it.
    const bool probed = std::ranges::find(schedule_.actors, ActorKind::prober, &Actor::kind) != schedule_.actors.end();
    const BlockFate fate = probed                    ? BlockFate::absent
                           : actor.onlined_by_kernel ? BlockFate::online
                                                     : BlockFate::offline;
    // A virtio-mem device may have been given more since.
    const std::uint64_t own = actor.device == MemoryDevice::virtio_mem
                                  ? blocks->second.first + actor.bytes / spec_.block_bytes
                                  : blocks->second.last + 1;
    for (std::uint64_t id = blocks->second.first; id <= blocks->second.last; id++) {
        const auto gone = std::ranges::find_if(
            spec_.goals, [id](const BlockGoal& goal) { return goal.id == id && goal.fate == BlockFate::absent; });
        if (gone != spec_.goals.end()) {
            spec_.goals.erase(gone);
            reused_.insert(id);
        }
        spec_.goals.push_back({id, id < own && !was_refused(actor, id) ? fate : BlockFate::absent,
                               zone_asked_for(actor), actor.node, actor.memmap_on_memory, actor.gives_no_pages()});
    }
}

void Goals::unplug(const Actor& actor) {
    if (own_memory(actor.device) != nullptr) {
        all_to(actor, BlockFate::absent);
        return;
    }
    const auto device = devices_.find(actor.device_id);
    if (device == devices_.end() || !actor.expects_success() || refused_.contains(actor.name)) return;
    Actor gone = actor;
    gone.of = device->second->name;
    all_to(gone, BlockFate::absent);
    spec_.qemu.devices.erase(actor.device_id);
    spec_.qemu.backends.erase(backend_of(*device->second));
    devices_.erase(device);
}

void Goals::all_to(const Actor& actor, BlockFate fate, const std::string& zone) {
    const auto only = plugged_.find(actor.of);
    if (!actor.of.empty() && only == plugged_.end()) return;
    for (auto& goal : spec_.goals) {
        if ((!actor.of.empty() && !only->second.contains(goal.id)) || was_refused(actor, goal.id)) continue;
        // An online block stays in its zone when it is onlined again.
        if (goal.fate == fate || (goal.fate == BlockFate::absent && fate == BlockFate::online)) continue;
        goal.fate = fate;
        goal.zone = zone;
    }
}

void Goals::act(const Actor& actor) {
    if (actor.is_thread() && !actor.expects_success()) return;
    switch (actor.kind) {
        case ActorKind::adder: plug(actor); break;
        case ActorKind::prober: all_to(actor, BlockFate::offline); break;
        case ActorKind::onliner: all_to(actor, BlockFate::online, zone_asked_for(actor)); break;
        case ActorKind::offliner: all_to(actor, BlockFate::offline); break;
        case ActorKind::writer:
        case ActorKind::vcpu_plugger:
        case ActorKind::vcpu_onliner:
        case ActorKind::filler:
        case ActorKind::pinner:
        case ActorKind::file_reader:
        case ActorKind::file_writer: break;
        case ActorKind::remover: unplug(actor); break;
        case ActorKind::resizer:
            // The driver shrinks from the device's end (virtio_mem_sbm_unplug_request(), drivers/virtio/virtio_mem.c).
            for (std::size_t i = 0; i < spec_.goals.size(); i++) {
                BlockGoal& goal = spec_.goals[i];
                const bool given = i < actor.bytes / spec_.block_bytes;
                if (given && goal.fate == BlockFate::absent) goal.fate = BlockFate::offline;
                if (!given)
                    goal = {goal.id, BlockFate::absent, "", goal.node, goal.memmap_on_memory, goal.gives_no_pages};
            }
            break;
    }
}

// True if the block is of the device that the actor names or takes away, or of any if it names none.
bool Goals::acts_on(const Actor& actor, std::uint64_t block) const {
    std::string of = actor.of;
    if (actor.kind == ActorKind::remover) {
        const auto device = devices_.find(actor.device_id);
        if (device == devices_.end()) return false;
        of = device->second->name;
    }
    const auto blocks = plugged_.find(of);
    return of.empty() || (blocks != plugged_.end() && blocks->second.contains(block));
}

// A write that was not refused may have been the last one. A removal that was refused brings online again what it took
// offline (acpi_scan_hot_remove(), drivers/acpi/scan.c), and so may leave a block as it was.
std::vector<Goals::Outcome> Goals::outcomes_of(const Race& race, const BlockGoal& before) const {
    std::vector<Outcome> outcomes;
    for (const auto& name : race.actors) {
        const Actor& actor = schedule_.actor(name);
        if (!acts_on(actor, before.id)) continue;
        // Only the last of several writes is known.
        const bool refused = was_refused(actor, before.id) && actor.repeat == 1;
        if (actor.repeat > 1 || (actor.kind == ActorKind::remover && refused))
            outcomes.push_back({before.fate, before.zone});
        if (actor.kind == ActorKind::onliner && !refused)
            outcomes.push_back({BlockFate::online, before.fate == BlockFate::online ? "" : zone_asked_for(actor)});
        if (actor.kind == ActorKind::offliner && !refused) outcomes.push_back({BlockFate::offline, ""});
    }
    return outcomes;
}

void Goals::race(const Race& race, const std::vector<MemoryBlock>* seen) {
    if (seen == nullptr) {
        for (const auto& name : race.actors) act(schedule_.actor(name));
        return;
    }
    // The memory itself tells whether a device came or went. One that came may lie where another one went.
    std::map<std::uint64_t, std::vector<Outcome>> outcomes;
    for (const auto& goal : spec_.goals) outcomes[goal.id] = outcomes_of(race, goal);
    for (const ActorKind kind : {ActorKind::remover, ActorKind::adder})
        for (const auto& name : race.actors)
            if (schedule_.actor(name).kind == kind) act(schedule_.actor(name));
    for (auto& goal : spec_.goals) {
        auto& possible = outcomes[goal.id];
        if (goal.fate == BlockFate::absent) continue;
        // All writes may have come before the device that lies there now.
        if (reused_.contains(goal.id)) possible.push_back({goal.fate, goal.zone});
        else if (possible.empty()) possible = outcomes_of(race, goal);
        if (possible.empty()) continue;
        const auto now = std::ranges::find(*seen, goal.id, &MemoryBlock::id);
        const auto fits = [&](const Outcome& one) {
            return now != seen->end() && now->state == (one.fate == BlockFate::online ? "online" : "offline") &&
                   (one.zone.empty() || one.fate != BlockFate::online || zone_of(*now) == one.zone);
        };
        const auto fitting = std::ranges::find_if(possible, fits);
        const Outcome& outcome = fitting == possible.end() ? possible.front() : *fitting;
        goal.fate = outcome.fate;
        goal.zone = outcome.zone;
    }
}

}  // namespace

std::string backend_of(const Actor& adder) { return "mem-" + adder.name; }

AccountingSpec goals_of(const Schedule& schedule, const PluggedBlocks& plugged, std::uint64_t block_bytes,
                        const RefusedBlocks& refused, const std::vector<MemoryBlock>* seen) {
    Goals goals(schedule, plugged, block_bytes, refused);
    for (const auto& step : schedule.steps) {
        if (step.race) goals.race(*step.race, seen);
        if (step.kind == StepKind::start)
            if (const Actor* actor = schedule.find(step.actor); actor != nullptr) goals.act(*actor);
    }
    return std::move(goals).spec();
}

}  // namespace memrig
