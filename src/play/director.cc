#include "play/director.h"

#include <algorithm>

#include "base/log.h"
#include "play/park.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
// How long a step waits for what it is to see. It makes no verdict: an expired step is inconclusive.
constexpr auto kStepPatience = 120s;
constexpr unsigned kMostMoves = 20;
constexpr std::uint64_t kMoveMs = 1;
// How often the guest is asked who sleeps.
constexpr auto kLook = 50ms;
}  // namespace

Status Director::play() {
    Performance& seen = cast_.seen;
    MEMRIG_CHECK(cast_.arm());
    MEMRIG_CHECK(cast_.watch());
    MEMRIG_CHECK(set_watches());
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(play_rounds());
    seen.schedule_seconds = seconds(steady_clock().now() - begun);
    cast_.collect_writes();
    if (seen.end == PlayEnd::crashed) {
        MEMRIG_CHECK(conductor_.unwatch_all());
        MEMRIG_CHECK(cast_.wait_for_crash_output());
    }
    return seen.end == PlayEnd::finished ? cast_.snapshot_after() : Status();
}

Status Director::set_watches() {
    for (const auto& step : schedule_.steps) {
        if (step.kind == StepKind::hold)
            // Who is parked comes to whatever else is done there only once it is released.
            MEMRIG_CHECK(watch_function(
                conductor_, symbols_, step.at, [this, &step](const Arrival& arrival) { return at_hold(step, arrival); },
                step.parked ? Priority::park : Priority::observe));
        for (const auto& evidence : step.any) {
            if (evidence.kind == Observation::Kind::stalled) MEMRIG_CHECK(watch_stalls(step, evidence));
            const bool queued = evidence.kind == Observation::Kind::queued;
            if (evidence.kind != Observation::Kind::entered && !queued) continue;
            const auto note = [this, &step, &evidence, queued](const Arrival& arrival) -> Result<Response> {
                // Whoever queues an actor's work is not the one who does it.
                if (queued ? cast_.has_started(step.actor) : cast_.actor_of(arrival.task) == step.actor)
                    cast_.note_evidence(step.actor, evidence, arrival.vcpu, symbols_.describe(arrival.address));
                return Response::pass();
            };
            MEMRIG_CHECK(watch_function(conductor_, symbols_, evidence.subject, note));
        }
    }
    return {};
}

Status Director::watch_stalls(const Step& step, const Observation& evidence) {
    return watch_function(
        conductor_, symbols_, evidence.subject, [this, &step, &evidence](const Arrival& arrival) -> Result<Response> {
            const auto& holds = cast_.seen.holds;
            const auto pinned =
                std::ranges::find_if(holds, [](const HoldRecord& hold) { return hold.pfn && !hold.released; });
            if (pinned == holds.end() || cast_.actor_of(arrival.task) != step.actor) return Response::pass();
            unsigned& stalls = stalls_[&evidence];
            stalls = arrival.registers.argument(0) == pinned->pfn ? stalls + 1 : 0;
            if (stalls == kStalls)
                cast_.note_evidence(step.actor, evidence, arrival.vcpu,
                                    fmt::format("{} times running from page frame {:#x} on", kStalls, *pinned->pfn));
            return Response::pass();
        });
}

Result<Response> Director::at_hold(const Step& step, const Arrival& arrival) {
    const auto armed = armed_.find(step.actor);
    if (armed == armed_.end() || armed->second.step != &step) return Response::pass();
    if (cast_.actor_of(arrival.task) != step.actor) return Response::pass();
    if (armed->second.reached)
        return armed->second.parked && arrival.again ? park(conductor_, symbols_, kParkedNapMs)
                                                     : Result<Response>(Response::pass());
    std::optional<std::uint64_t> block;
    if (step.memory_block) {
        MEMRIG_TRY(block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
        if (!block) return Response::pass();
    }
    if (step.parked) {
        armed->second.parked = true;
    } else if (arrival.vcpu < housekeeping_ || !cast_.may_be_held(step.actor, arrival.vcpu)) {
        // A park moves it to a vCPU that has nothing to do, as a rule. A worker that belongs to its vCPU parks until it is released.
        if (!can_park(symbols_)) return Response::pass();
        if (++armed->second.parks <= kMostMoves) return park(conductor_, symbols_, kMoveMs);
        armed->second.parked = true;
    }
    armed->second.reached = true;
    cast_.seen.holds.push_back({step.actor, step.at, arrival.vcpu, block, arrival.at, {}});
    timeline_.add(step.actor, "held", block ? fmt::format("{} of memory{}", step.at, *block) : step.at, arrival.vcpu);
    return armed->second.parked ? park(conductor_, symbols_, kParkedNapMs) : Result<Response>(Response::hold());
}

Status Director::play_rounds() {
    const auto looks = schedule_.looks();
    for (unsigned round = 1; round <= schedule_.rounds; round++) {
        MEMRIG_TRY(const bool on, play_steps());
        if (!on || !schedule_.is_loop()) return {};
        MEMRIG_TRY(const bool another, cast_.end_round());
        if (!another) return {};  // the accounting says why
        const bool looks_now = std::ranges::find(looks, round) != looks.end();
        if (looks_now) MEMRIG_CHECK(cast_.leave_footprint(round));
        if (looks_now) logger(LogLayer::play).info("round {} of {}", round, schedule_.rounds);
        if (round < schedule_.rounds) MEMRIG_CHECK(cast_.begin_round());
    }
    return {};
}

Result<bool> Director::play_steps() {
    for (const auto& step : schedule_.steps) {
        timeline_.add("rig", "step", step.text());
        cast_.seen.step = step.text();
        logger(LogLayer::play).info("step: {}", cast_.seen.step);
        MEMRIG_TRY(const bool on, play_step(step));
        if (!on) return false;
    }
    return true;
}

void Director::arm_next_hold(const Step& done) {
    const auto& steps = schedule_.steps;
    for (std::size_t i = static_cast<std::size_t>(&done - steps.data()) + 1; i < steps.size(); i++) {
        if (steps[i].actor != done.actor) continue;
        if (steps[i].kind == StepKind::hold) armed_[done.actor] = {&steps[i]};
        return;
    }
}

bool Director::seen_since_hold(const Step& step) const {
    const Performance& seen = cast_.seen;
    const SteadyTime since = seen.holds.empty() ? SteadyTime::min() : seen.holds.back().placed;
    return std::ranges::any_of(seen.evidence, [&](const EvidenceRecord& record) {
        return record.actor == step.actor && record.at >= since &&
               std::ranges::any_of(step.any, [&](const Observation& wanted) {
                   return record.evidence.kind == wanted.kind && record.evidence.subject == wanted.subject;
               });
    });
}

Status Director::release(const Step& step) {
    const Actor& actor = *schedule_.find(step.actor);
    if (actor.kind == ActorKind::pinner) return cast_.let_page_go(actor);
    for (auto& hold : cast_.seen.holds) {
        if (hold.actor != step.actor || hold.released) continue;
        hold.released = steady_clock().now();
        if (!std::exchange(armed_.at(step.actor).parked, false)) conductor_.release(hold.vcpu);
    }
    arm_next_hold(step);
    return {};
}

Result<bool> Director::play_step(const Step& step) {
    Performance& seen = cast_.seen;
    RunEnd end = RunEnd::done;
    switch (step.kind) {
        case StepKind::start:
            arm_next_hold(step);
            MEMRIG_CHECK(cast_.start(*schedule_.find(step.actor)));
            break;
        case StepKind::hold: {
            const auto reached = [&] { return armed_.at(step.actor).reached; };
            // One that has finished does not come any more.
            const auto over = [&] {
                return cast_.crashed() || reached() || cast_.finished(*schedule_.find(step.actor));
            };
            MEMRIG_TRY(end, cast_.run_until(over, Deadline::after(kStepPatience)));
            if (!reached()) end = RunEnd::expired;
            break;
        }
        case StepKind::await: {
            // Who does not stall finishes instead, which is told apart once the page is let go.
            const bool may_finish = step.asks_for(Observation::Kind::stalled);
            const auto shown = [&] {
                return cast_.crashed() || seen_since_hold(step) ||
                       (may_finish && cast_.finished(*schedule_.find(step.actor)));
            };
            const auto give_up = Deadline::after(kStepPatience);
            const bool looks = step.asks_for(Observation::Kind::asleep);
            for (;;) {
                MEMRIG_TRY(end, cast_.run_until(shown, looks ? Deadline::after(kLook) : give_up));
                if (end == RunEnd::done || give_up.expired()) break;
                MEMRIG_CHECK(cast_.look_for_sleeper(*schedule_.find(step.actor)));
            }
            break;
        }
        case StepKind::finish: {
            const auto finished = [&] { return cast_.finished(*schedule_.find(step.actor)); };
            const auto over = [&] { return cast_.crashed() || finished() || cast_.hopeless(); };
            MEMRIG_TRY(end, cast_.run_until(over, Deadline::after(kStepPatience)));
            if (!finished()) end = RunEnd::expired;
            break;
        }
        case StepKind::release: MEMRIG_CHECK(release(step)); break;
        case StepKind::settle:
            MEMRIG_CHECK(cast_.settle(Deadline::after(kStepPatience)));
            return seen.end == PlayEnd::finished;
    }
    if (cast_.crashed()) seen.end = PlayEnd::crashed;
    else if (end == RunEnd::expired) seen.end = PlayEnd::expired;
    else return true;
    return false;
}

Status play_freely(Cast& cast, Conductor& conductor, Timeline& timeline, const Schedule& schedule) {
    Performance& seen = cast.seen;
    // They have to be there before the first block is: whoever is quicker.
    MEMRIG_CHECK(cast.arm(WriterTrigger::spin));
    MEMRIG_CHECK(cast.watch_crashes());
    for (const ActorKind kind : {ActorKind::adder, ActorKind::onliner})
        for (const auto& actor : schedule.actors)
            if (actor.kind == kind) MEMRIG_CHECK(cast.start(actor));
    timeline.add("rig", "step", "run");
    seen.step = "run";
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(cast.settle(Deadline::after(kStepPatience)));
    seen.schedule_seconds = seconds(steady_clock().now() - begun);
    cast.collect_writes();
    if (seen.end == PlayEnd::crashed) {
        MEMRIG_CHECK(conductor.unwatch_all());
        MEMRIG_CHECK(cast.wait_for_crash_output());
    }
    return seen.end == PlayEnd::finished ? cast.snapshot_after() : Status();
}

}  // namespace memrig
