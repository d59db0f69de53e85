#include "oracle/outcomes.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace memrig {

namespace {

constexpr std::size_t kShownCallers = 4;

bool is_there(const MemorySnapshot& memory, std::uint64_t block) {
    return std::ranges::find(memory.blocks, block, &MemoryBlock::id) != memory.blocks.end();
}

// The adder whose device the actor adds or removes; null if there is none.
const Actor* plugger_of(const Schedule& schedule, const Actor& actor) {
    if (actor.kind == ActorKind::adder) return &actor;
    const auto found = std::ranges::find_if(schedule.actors, [&](const Actor& other) {
        return other.kind == ActorKind::adder && other.device_id == actor.device_id;
    });
    return actor.kind == ActorKind::remover && found != schedule.actors.end() ? &*found : nullptr;
}

std::set<std::uint64_t> refused_device(const Schedule& schedule, const Performance& performance, const Actor& actor,
                                       const MemorySnapshot& memory) {
    const Actor* plugger = plugger_of(schedule, actor);
    const auto plugged = plugger == nullptr ? performance.plugged.end() : performance.plugged.find(plugger->name);
    if (plugged == performance.plugged.end()) return {};
    std::set<std::uint64_t> all;
    bool any_there = false;
    for (std::uint64_t id = plugged->second.first; id <= plugged->second.last; id++) {
        all.insert(id);
        any_there = any_there || is_there(memory, id);
    }
    // Another device may lie there now. Then QEMU tells whether this one has gone.
    const bool reused = std::ranges::any_of(performance.plugged, [&](const auto& other) {
        return other.first != plugged->first && other.second.first <= plugged->second.last &&
               plugged->second.first <= other.second.last;
    });
    const bool gone = reused && !memory.qemu.devices.contains(actor.device_id);
    const bool refused = actor.kind == ActorKind::adder ? !any_there : any_there && !gone;
    return refused ? all : std::set<std::uint64_t>();
}

Schedule up_to(const Schedule& schedule, std::size_t step) {
    Schedule part = schedule;
    part.steps.resize(std::min(step, part.steps.size()));
    return part;
}

}  // namespace

RefusedBlocks refused_of(const Schedule& schedule, const Performance& performance, const MemorySnapshot& memory) {
    RefusedBlocks refused;
    for (const auto& actor : schedule.actors) {
        if (!actor.may_fail && !actor.races) continue;
        std::set<std::uint64_t> blocks;
        // The one write of a device's own file is for all of its blocks.
        if (!actor.is_thread() || actor.writes_to_one_file())
            blocks = refused_device(schedule, performance, actor, memory);
        else
            for (const auto& write : performance.writes)
                if (write.writer == actor.name && write.error != 0) blocks.insert(write.block);
        if (!blocks.empty()) refused.emplace(actor.name, std::move(blocks));
    }
    return refused;
}

std::vector<std::string> wrong_at_checks(const TrialEvidence& evidence) {
    std::vector<std::string> wrong;
    const Performance& performance = evidence.performance;
    for (const auto& check : performance.checks) {
        const Schedule part = up_to(evidence.schedule, check.step);
        const auto refused = refused_of(part, performance, check.memory);
        const auto off = check_blocks(performance.before, check.memory,
                                      goals_of(part, performance.plugged, evidence.block_bytes, refused));
        for (const auto& line : off) wrong.push_back("at the check: " + line);
    }
    return wrong;
}

std::string failure_text(const FailureSpec& failure, unsigned recorded) {
    const std::vector<std::string> callers(
        failure.path.begin(),
        failure.path.begin() + static_cast<std::ptrdiff_t>(std::min(kShownCallers, failure.path.size())));
    const std::string of = recorded == 0 ? "of this path" : fmt::format("of {} on this path", recorded);
    return fmt::format("{}() for {}, by way of {} (call {} {})", failure.function, failure.actor,
                       fmt::join(callers, " < "), failure.nth, of);
}

std::string checked_reason(const TrialEvidence& evidence) {
    const Performance& performance = evidence.performance;
    std::string text;
    for (const auto& failed : evidence.failures) {
        const auto refused = performance.checks.empty()
                                 ? RefusedBlocks()
                                 : refused_of(evidence.schedule, performance, performance.checks.front().memory);
        text += fmt::format(
            "{} failed, and {} {}; ", failure_text(failed.order), failed.order.actor,
            refused.contains(failed.order.actor) ? "was refused with everything as before" : "did all of its work");
    }
    return text + "all adds up at each check and at the end";
}

}  // namespace memrig
