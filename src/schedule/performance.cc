#include "schedule/performance.h"

#include <algorithm>

#include <fmt/format.h>

namespace memrig {

bool is_momentary(Observation::Kind kind) {
    return kind == Observation::Kind::refused || kind == Observation::Kind::blocked ||
           kind == Observation::Kind::queued;
}

namespace {

std::string named(const BlockedTask& task) { return fmt::format("{} (pid {})", task.comm, task.tid); }

const BlockedTask* find_in(const std::vector<BlockedTask>& tasks, int tid) {
    const auto found = std::ranges::find(tasks, tid, &BlockedTask::tid);
    return found == tasks.end() ? nullptr : &*found;
}

// Says how the task moved from one look to the other; nothing if it stood still.
std::optional<std::string> movement_of(const BlockedTask& first, const BlockedTask& second) {
    if (first.stack.empty() || second.stack.empty())
        return fmt::format("the guest shows no stack of {}", named(second));
    if (first.voluntary != second.voluntary || first.involuntary != second.involuntary)
        return fmt::format("{} ran in between", named(second));
    if (first.comm != second.comm || first.stack != second.stack)
        return fmt::format("{} waits elsewhere than before", named(second));
    return std::nullopt;
}

std::optional<std::string> movement_without_cycle(const StuckSample& first, const StuckSample& second) {
    if (second.blocked.empty()) return "no task is blocked";
    for (const StuckSample* look : {&first, &second})
        if (!look->awake.empty()) return fmt::format("{} is at work in the kernel, and not blocked", look->awake[0]);
    for (const auto& task : first.blocked)
        if (find_in(second.blocked, task.tid) == nullptr) return fmt::format("{} is not blocked any more", named(task));
    for (const auto& task : second.blocked) {
        const BlockedTask* before = find_in(first.blocked, task.tid);
        if (before == nullptr) return fmt::format("{} was not blocked before", named(task));
        if (auto movement = movement_of(*before, task)) return movement;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> movement_between(const StuckSample& first, const StuckSample& second) {
    if (second.begin_ms < first.end_ms + kLookSpacingMs)
        return fmt::format("the guest ran for less than {} ms between the looks", kLookSpacingMs);
    if (first.lock_events != second.lock_events) return "locks were asked for, taken or released in between";
    if (!first.cycle && !second.cycle) return movement_without_cycle(first, second);
    const auto same_wish = [](const WaitLink& a, const WaitLink& b) {
        return a.wants.task == b.wants.task && a.wants.instance == b.wants.instance && a.wants.lock == b.wants.lock;
    };
    if (!first.cycle || !second.cycle || !std::ranges::equal(*first.cycle, *second.cycle, same_wish))
        return "the cycle is not the same in both looks";
    // The cycle's tasks are known by the addresses of their stacks, the blocked ones by their tids: as many have to
    // stand still.
    const auto still = std::ranges::count_if(second.blocked, [&](const BlockedTask& task) {
        const BlockedTask* before = find_in(first.blocked, task.tid);
        return before != nullptr && !movement_of(*before, task);
    });
    if (static_cast<std::size_t>(still) >= first.cycle->size()) return std::nullopt;
    return fmt::format("{} tasks form a cycle, but only {} stand still", first.cycle->size(), still);
}

std::optional<std::string> lack_of_proof(const LoopRecord& loop) {
    if (loop.function.empty())
        return fmt::format("{} works on in the kernel, and was not seen in the same state again", loop.actor);
    if (loop.passes < kLoopPasses)
        return fmt::format("{} entered {}() only {} times in the same state", loop.actor, loop.function, loop.passes);
    if (loop.guest_ms < kLoopMs)
        return fmt::format("{} was seen to go round for only {} ms of the guest's time", loop.actor, loop.guest_ms);
    if (loop.lock_events > 0) return fmt::format("{} goes round, but it uses locks on its way", loop.actor);
    return std::nullopt;
}

bool shows_standstill(const StuckSample& first, const StuckSample& second) {
    return !movement_between(first, second).has_value();
}

bool needs_further_looks(const Schedule& schedule, const Performance& performance) {
    const auto& footprints = performance.footprints;
    return footprints.size() < schedule.most_looks() && !growing(footprints).empty();
}

std::string unexpected_write(const Actor& actor, const WriterReport& write) {
    const std::string target = actor.writes_to_one_file() ? "" : fmt::format(" to memory{}", write.block);
    return fmt::format("{}'s write{}: {}, not {}", write.writer, target, errno_name(write.error),
                       errno_names(actor.expected));
}

std::vector<std::string> missed_refusals(const Schedule& schedule, const Performance& performance) {
    std::vector<std::string> missed;
    for (const auto& [name, answer] : performance.answers) {
        const Actor* actor = schedule.find(name);
        if (actor == nullptr || answer != kDone || !actor->refused_by_qemu_alone()) continue;
        missed.push_back(fmt::format("{}: {}, not {}", name, answer, actor->expected_answer()));
    }
    for (const auto& write : performance.writes) {
        const Actor* actor = schedule.find(write.writer);
        if (actor != nullptr && write.error == 0 && !actor->expects(0))
            missed.push_back(unexpected_write(*actor, write));
    }
    return missed;
}

const HoldRecord* hold_in_force(const Performance& performance) {
    const auto held =
        std::ranges::find_if(performance.holds, [](const HoldRecord& hold) { return !hold.released.has_value(); });
    return held == performance.holds.end() ? nullptr : &*held;
}

}  // namespace memrig
