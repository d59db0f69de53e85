#include "play/stall_detector.h"

#include <algorithm>
#include <set>
#include <utility>

#include "play/while_running.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
// The interval at which a guest that seems to do nothing is looked at.
constexpr auto kGlance = 2s;
// The longest look at a loop. It may outlast the step: as long as passes come, there is something to count.
constexpr auto kLoopPatience = 5min;
constexpr auto kCrashPatience = 30s;
constexpr std::size_t kLongestComm = 15;  // TASK_COMM_LEN, without its NUL
}  // namespace

std::size_t lock_progress(const std::vector<LockEvent>& events, const std::optional<WaitCycle>& cycle,
                          const std::map<std::string, std::uint64_t>& actors) {
    const auto is_actor = [&](std::uint64_t task) {
        return std::ranges::any_of(actors, [&](const auto& actor) { return actor.second == task; });
    };
    return static_cast<std::size_t>(std::ranges::count_if(events, [&](const LockEvent& event) {
        if (!cycle) return !event.shared || is_actor(event.task);
        return std::ranges::any_of(*cycle, [&](const WaitLink& link) { return link.wants.task == event.task; });
    }));
}

bool sleeps_at(const BlockedTask& task, const std::string& where) {
    // A stack on POWER begins with a frame that has no name, and with the switch.
    const auto innermost = std::ranges::find_if_not(task.stack, [](const std::string& frame) {
        return frame.starts_with("0x") || frame.starts_with("__switch_to+");
    });
    return innermost != task.stack.end() && innermost->starts_with(where + "/");
}

Result<BlockedTasks> StallDetector::blocked_tasks() {
    return while_running(context_.conductor,
                         [&] { return context_.agent().blocked_tasks(Deadline::after(kAgentPatience)); });
}

Result<RunEnd> StallDetector::run_until(const std::function<bool()>& done, Deadline deadline) {
    for (;;) {
        MEMRIG_TRY(const RunEnd end, context_.conductor.run_until(done, Deadline::after(kGlance).earlier(deadline),
                                                                  context_.agent().descriptor()));
        if (end == RunEnd::done || deadline.expired()) return end;
        if (auto gone = context_.machine.death(Duration::zero())) return std::unexpected(*std::move(gone));
        MEMRIG_CHECK(context_.conductor.look());
    }
}

Result<bool> StallDetector::stands_idle(const std::function<bool()>& over, Deadline give_up) {
    const Performance& seen = context_.record.performance();
    const auto progress = [&] {
        return std::pair(ledger_ != nullptr ? lock_progress(ledger_->events(), {}, seen.tasks) : 0, seen.writes.size());
    };
    const auto before = progress();
    MEMRIG_TRY(const RunEnd end, run_until(over, Deadline::after(kGlance).earlier(give_up)));
    if (end == RunEnd::done) return false;
    if (auto gone = context_.machine.death(Duration::zero())) return std::unexpected(*std::move(gone));
    MEMRIG_CHECK(context_.conductor.look());
    // The agent may not answer while a vCPU is held, and the actor on it waits for the rig.
    return context_.conductor.held().empty() && progress() == before;
}

Status StallDetector::settle(Deadline give_up) {
    MEMRIG_TRY(const PlayEnd end, run_to_end([this] { return context_.roster.all_finished(); }, give_up));
    context_.record.note_end(end);
    return {};
}

Result<PlayEnd> StallDetector::run_to_end(const std::function<bool()>& finished, Deadline give_up) {
    const Record& record = context_.record;
    const auto over = [&] { return record.crashed() || finished() || in_a_cycle() || hopeless(); };
    for (;;) {
        MEMRIG_TRY(const bool idle, stands_idle(over, give_up));
        if (record.crashed()) return PlayEnd::crashed;
        if (over() && !in_a_cycle()) return hopeless() ? PlayEnd::expired : PlayEnd::finished;
        if (!idle && !in_a_cycle() && !give_up.expired()) continue;
        MEMRIG_TRY(bool stuck, look_at_stuck());
        if (!stuck && !over()) {
            MEMRIG_TRY(stuck, goes_round(over));
        }
        if (stuck) return PlayEnd::stuck;
        if (give_up.expired()) return PlayEnd::expired;
    }
}

Result<bool> StallDetector::goes_round(const std::function<bool()>& over) {
    // The rig itself may keep an actor in a loop.
    if (hold_in_force(context_.record.performance()) != nullptr) return false;
    const auto awake = context_.record.performance().stuck.back().awake;
    for (const auto& name : awake) {
        if (over() || !context_.conductor.held().empty()) return false;
        MEMRIG_TRY(const bool loops,
                   loops_.look(context_.schedule().actor(name), over, Deadline::after(kLoopPatience)));
        if (loops) return true;
    }
    return false;
}

Result<bool> StallDetector::look_at_stuck() {
    if (prepare_look_) MEMRIG_CHECK(prepare_look_());
    looked_at_ = ledger_ != nullptr ? ledger_->wait_cycle() : std::nullopt;
    std::vector<Conductor::WatchId> retries;
    if (looked_at_ && watch_retries_) {
        MEMRIG_TRY(retries, watch_retries_());
    }
    const auto still = look_twice();
    looked_at_.reset();
    for (const auto watch : retries) MEMRIG_CHECK(context_.conductor.unwatch(watch));
    return still;
}

Result<std::vector<std::string>> StallDetector::awake_beside(const std::vector<BlockedTask>& blocked) {
    Conductor& conductor = context_.conductor;
    MEMRIG_CHECK(conductor.look());
    std::set<std::uint64_t> running;  // by their kernel stacks
    for (unsigned vcpu = 0; vcpu < conductor.probe().vcpus(); vcpu++) {
        MEMRIG_TRY(const Registers registers, conductor.probe().registers(vcpu));
        running.insert(registers.sp() & ~(conductor.stack_bytes() - 1));
    }
    std::vector<std::string> awake;
    for (const Actor& actor : context_.schedule().actors) {
        const auto task = context_.roster.task_of(actor.name);
        if (!task || context_.roster.finished(actor)) continue;
        const bool waits = !actor.is_thread() || std::ranges::any_of(blocked, [&](const BlockedTask& one) {
            return one.comm == actor.name.substr(0, kLongestComm);
        });
        if (!waits || running.contains(*task)) awake.push_back(actor.name);
    }
    return awake;
}

Result<StuckSample> StallDetector::look() {
    MEMRIG_TRY(BlockedTasks seen, blocked_tasks());
    std::erase_if(seen.tasks, sleeps_by_the_clock);
    StuckSample sample;
    sample.at = steady_clock().now();
    sample.begin_ms = seen.begin_ms;
    sample.end_ms = seen.end_ms;
    sample.blocked = std::move(seen.tasks);
    MEMRIG_TRY(sample.awake, awake_beside(sample.blocked));
    if (ledger_ != nullptr) {
        sample.cycle = ledger_->wait_cycle();
        sample.lock_events = lock_progress(ledger_->events(), sample.cycle, context_.record.performance().tasks);
    }
    return sample;
}

// The guest's clock stands while the probe has stopped it, so the host's clock does not tell how long the guest ran.
Result<StuckSample> StallDetector::look_later(const StuckSample& first) {
    const auto crashed = [this] { return context_.record.crashed(); };
    const auto give_up = Deadline::after(kAgentPatience);
    for (;;) {
        MEMRIG_TRY([[maybe_unused]] const RunEnd end,
                   context_.conductor.run_until(crashed, Deadline::after(std::chrono::milliseconds(kLookSpacingMs))));
        if (crashed()) return first;
        MEMRIG_TRY(StuckSample second, look());
        if (second.begin_ms >= first.end_ms + kLookSpacingMs || give_up.expired()) return second;
    }
}

Result<bool> StallDetector::look_twice() {
    MEMRIG_TRY(const StuckSample first, look());
    context_.record.note_look(first);
    MEMRIG_TRY(const StuckSample second, look_later(first));
    context_.record.note_look(second);
    MEMRIG_CHECK(ask_kernel_for_locks());
    return shows_standstill(first, second);
}

Status StallDetector::ask_kernel_for_locks() {
    if (!in_a_cycle() || symbols_.all("debug_show_all_locks").empty()) return {};
    const Status asked =
        while_running(context_.conductor, [&] { return context_.agent().sysrq('d', Deadline::after(kAgentPatience)); });
    if (!asked && asked.error().fault != Fault::guest) return std::unexpected(asked.error());
    return {};
}

Status StallDetector::look_for_sleeper(const Actor& actor) {
    MEMRIG_TRY(const auto seen, blocked_tasks());
    MEMRIG_CHECK(context_.conductor.pause());
    const auto known = context_.roster.task_of(actor.name);
    const auto wish = ledger_ != nullptr && known ? ledger_->wanted_by(*known) : std::nullopt;
    if (!wish) return {};
    const auto asleep = std::ranges::any_of(seen.tasks, [&](const BlockedTask& task) {
        return (!actor.is_thread() || task.comm == actor.name.substr(0, kLongestComm)) && sleeps_at(task, wish->where);
    });
    if (asleep)
        context_.record.note_observation(actor.name, {Observation::Kind::asleep, wish->lock}, {}, wish->where,
                                         owners_of(*ledger_, context_.record.performance(), *wish));
    return {};
}

Result<Response> StallDetector::at_retry(const Actor& actor, const Arrival& arrival) {
    if (!looked_at_ || context_.roster.actor_of(arrival.task) != actor.name) return Response::pass();
    if (std::ranges::any_of(*looked_at_, [&](const WaitLink& link) { return link.wants.task == arrival.task; }))
        return Response::pass();
    if (!arrival.again)
        context_.record.add_event(actor.name, "parked", "while the rig looks at a cycle that it is no part of",
                                  arrival.vcpu);
    return parking_.park(ParkReason::keep);
}

Status StallDetector::wait_for_crash_output() {
    const auto printed = [&] { return context_.machine.console().text().find("---[ end ") != std::string::npos; };
    const auto give_up = Deadline::after(kCrashPatience);
    while (!printed() && !give_up.expired()) {
        const auto end = context_.conductor.run_until(printed, Deadline::after(20ms));
        // A panic ends QEMU. This is no fault of the rig.
        if (!end) return end.error().fault == Fault::interrupted ? Status(std::unexpected(end.error())) : Status();
    }
    return {};
}

}  // namespace memrig
