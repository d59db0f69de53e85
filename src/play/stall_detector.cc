#include "play/stall_detector.h"

#include <algorithm>

#include "play/while_running.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
// The interval at which a guest that seems to do nothing is looked at.
constexpr auto kGlance = 2s;
constexpr unsigned kLooksWithoutLedger = 5;
constexpr auto kCrashPatience = 30s;
constexpr std::size_t kLongestComm = 15;  // TASK_COMM_LEN, without its NUL
}  // namespace

std::size_t lock_progress(const std::vector<LockEvent>& events, const std::optional<WaitCycle>& cycle) {
    if (!cycle) return events.size();
    return static_cast<std::size_t>(std::ranges::count_if(events, [&](const LockEvent& event) {
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

Result<std::vector<BlockedTask>> StallDetector::blocked_tasks() {
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

Status StallDetector::settle(Deadline give_up) {
    Record& record = context_.record;
    const auto over = [&] { return record.crashed() || context_.roster.all_finished() || in_a_cycle() || hopeless(); };
    unsigned stills = 0;
    for (;;) {
        // Without a ledger only the looks tell, so there is one every now and then.
        MEMRIG_TRY(const RunEnd end, run_until(over, ledger_ != nullptr ? give_up : Deadline::after(kGlance)));
        if (record.crashed()) {
            record.note_end(PlayEnd::crashed);
            return {};
        }
        if (end == RunEnd::done && !in_a_cycle()) {
            record.note_end(hopeless() ? PlayEnd::expired : PlayEnd::finished);
            return {};
        }
        if (ledger_ != nullptr && !in_a_cycle() && !give_up.expired()) continue;
        MEMRIG_TRY(const bool still, look_at_stuck());
        stills = still ? stills + 1 : 0;
        // Without a ledger two looks may be too near to each other to tell.
        const bool stuck = still && (ledger_ != nullptr || stills >= kLooksWithoutLedger);
        if (!stuck && !give_up.expired()) continue;
        record.note_end(stuck ? PlayEnd::stuck : PlayEnd::expired);
        return {};
    }
}

Result<bool> StallDetector::look_at_stuck() {
    looked_at_ = ledger_ != nullptr ? ledger_->wait_cycle() : std::nullopt;
    const auto still = look_twice();
    looked_at_.reset();
    return still;
}

Result<bool> StallDetector::look_twice() {
    for (int look = 0; look < 2; look++) {
        StuckSample sample;
        MEMRIG_TRY(sample.blocked, blocked_tasks());
        std::erase_if(sample.blocked, sleeps_by_the_clock);
        sample.at = steady_clock().now();
        if (ledger_ != nullptr) {
            sample.cycle = ledger_->wait_cycle();
            sample.lock_events = lock_progress(ledger_->events(), sample.cycle);
        }
        context_.record.note_look(std::move(sample));
    }
    MEMRIG_CHECK(ask_kernel_for_locks());
    const auto& looks = context_.record.performance().stuck;
    return shows_standstill(looks[0], looks[1]);
}

Status StallDetector::ask_kernel_for_locks() {
    if (!in_a_cycle() || symbols_.all("debug_show_all_locks").empty()) return {};
    const Status asked =
        while_running(context_.conductor, [&] { return context_.agent().sysrq('d', Deadline::after(kAgentPatience)); });
    if (!asked && asked.error().fault != Fault::guest) return std::unexpected(asked.error());
    return {};
}

Status StallDetector::look_for_sleeper(const Actor& actor) {
    MEMRIG_TRY(const auto tasks, blocked_tasks());
    MEMRIG_CHECK(context_.conductor.pause());
    const auto known = context_.roster.task_of(actor.name);
    const auto wish = ledger_ != nullptr && known ? ledger_->wanted_by(*known) : std::nullopt;
    if (!wish) return {};
    const auto asleep = std::ranges::any_of(tasks, [&](const BlockedTask& task) {
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
