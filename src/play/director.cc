#include "play/director.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "play/dwell.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// The longest wait of a step for what it is to see. It makes no verdict: an expired step is inconclusive.
constexpr auto kStepPatience = 120s;
// The interval at which the guest is asked for its sleeping tasks.
constexpr auto kLook = 50ms;

// `begun`: when the first step began.
Status conclude(Cast& cast, Conductor& conductor, SteadyTime begun) {
    const double took = seconds(steady_clock().now() - begun);
    if (cast.performance().end == PlayEnd::crashed) MEMRIG_CHECK(conductor.unwatch_all());
    return cast.conclude(took);
}

}  // namespace

Status Director::play() {
    MEMRIG_CHECK(cast_.arm());
    MEMRIG_CHECK(cast_.watch());
    MEMRIG_CHECK(set_watches());
    const auto holds = [](const Step& step) { return step.kind == StepKind::hold && !step.parked; };
    if (std::ranges::any_of(schedule_.steps, holds)) MEMRIG_CHECK(held_waits_.watch());
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(play_rounds());
    return conclude(cast_, conductor_, begun);
}

// --- what the probe watches

Status Director::set_watches() {
    for (const auto& step : schedule_.steps) {
        if (step.kind == StepKind::hold) MEMRIG_CHECK(watch_hold(step));
        for (const auto& wanted : step.any) {
            if (wanted.kind == Observation::Kind::stalled) MEMRIG_CHECK(watch_stalls(step, wanted));
            if (wanted.kind == Observation::Kind::entered || wanted.kind == Observation::Kind::queued)
                MEMRIG_CHECK(watch_entry(step, wanted));
        }
    }
    return {};
}

Status Director::watch_hold(const Step& step) {
    // A parked actor comes to the other watches at this place only once it is released.
    return watch_function(
        conductor_, symbols_, step.at, [this, &step](const Arrival& arrival) { return at_hold(step, arrival); },
        step.parked ? Priority::park : Priority::observe);
}

Status Director::watch_entry(const Step& step, const Observation& wanted) {
    const auto note = [this, &step, &wanted](const Arrival& arrival, std::uint64_t function) {
        record_.note_observation(step.actor, wanted, arrival.vcpu, symbols_.describe(function));
    };
    // The task that queues an actor's work is not the task that does it. The work is in the queue once the function has
    // returned, unless it has begun by then.
    const auto queues = [this, &step, note](const Arrival& arrival) -> Result<Response> {
        if (!roster_.has_started(step.actor)) return Response::pass();
        const auto has_queued = [this, &step, note, function = arrival.address](const Arrival& returned,
                                                                                std::uint64_t) -> Status {
            if (!roster_.task_of(step.actor)) note(returned, function);
            return {};
        };
        MEMRIG_CHECK(conductor_.on_return(arrival, has_queued));
        return Response::pass();
    };
    const auto enters = [this, &step, note](const Arrival& arrival) -> Result<Response> {
        if (roster_.actor_of(arrival.task) == step.actor) note(arrival, arrival.address);
        return Response::pass();
    };
    return wanted.kind == Observation::Kind::queued ? watch_for(step, wanted.subject, queues)
                                                    : watch_for(step, wanted.subject, enters);
}

Status Director::watch_for(const Step& step, const std::string& function, const Conductor::Handler& handler) {
    MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, function));
    for (const auto entry : entries) {
        MEMRIG_TRY(const auto watch, conductor_.watch(entry, handler));
        watches_[&step].push_back(watch);
    }
    return {};
}

// An actor's steps under a hold are of interest until the hold ends.
Status Director::end_watches(const Step& last) {
    if (schedule_.is_loop() || hold_in_force(record_.performance()) != nullptr) return {};
    for (auto& [step, watches] : watches_) {
        if (step > &last) continue;
        for (const auto watch : std::exchange(watches, {})) MEMRIG_CHECK(conductor_.unwatch(watch));
    }
    return {};
}

Status Director::watch_stalls(const Step& step, const Observation& wanted) {
    const auto count = [this, &step, &wanted](const Arrival& arrival) -> Result<Response> {
        const auto& holds = record_.performance().holds;
        const auto pinned =
            std::ranges::find_if(holds, [](const HoldRecord& hold) { return hold.pfn && !hold.released; });
        if (pinned == holds.end() || roster_.actor_of(arrival.task) != step.actor) return Response::pass();
        unsigned& stalls = stalls_of_[&wanted];
        stalls = arrival.registers.argument(0) == pinned->pfn ? stalls + 1 : 0;
        if (stalls == kStalls)
            record_.note_observation(step.actor, wanted, arrival.vcpu,
                                     fmt::format("{} times running from page frame {:#x} on", kStalls, *pinned->pfn));
        return Response::pass();
    };
    return watch_for(step, wanted.subject, count);
}

Result<Response> Director::at_hold(const Step& step, const Arrival& arrival) {
    const auto armed = armed_.find(step.actor);
    if (armed == armed_.end() || armed->second.step != &step) return Response::pass();
    if (roster_.actor_of(arrival.task) != step.actor) return Response::pass();
    ArmedHold& hold = armed->second;
    if (hold.reached) {
        if (!hold.parked || !arrival.again) return Response::pass();
        return cast_.parking().park(ParkReason::keep);
    }
    std::optional<std::uint64_t> block;
    if (step.memory_block) {
        MEMRIG_TRY(block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
        if (!block) return Response::pass();
    }
    const bool may_be_held = arrival.vcpu >= cast_.housekeeping() && roster_.may_be_held(step.actor, arrival.vcpu);
    const Keep keep = cast_.parking().way_to_keep(step.parked, may_be_held, hold.moves);
    if (keep == Keep::pass) return Response::pass();
    if (keep == Keep::move) {
        hold.moves++;
        return cast_.parking().park(ParkReason::move);
    }
    hold.reached = true;
    hold.parked = keep == Keep::park;
    record_.note_hold({step.actor, step.at, arrival.vcpu, block, arrival.at, {}});
    if (hold.parked) return cast_.parking().park(ParkReason::keep);
    MEMRIG_CHECK(held_waits_.begin_hold());
    return Response::hold();
}

// --- the steps

Status Director::play_rounds() {
    auto looks = schedule_.looks();
    for (unsigned round = 1;; round++) {
        MEMRIG_TRY(const bool on, play_steps());
        if (!on || !schedule_.is_loop()) return {};
        MEMRIG_TRY(const bool another, cast_.end_round());
        if (!another) return {};  // the accounting says why
        if (std::ranges::find(looks, round) != looks.end()) {
            MEMRIG_CHECK(cast_.leave_footprint(round));
            logger(LogLayer::play).info("round {} of {}", round, looks.back());
        }
        if (round == looks.back()) {
            if (!needs_further_looks(schedule_, record_.performance())) return {};
            looks.push_back(round + kFurtherRounds);
        }
        MEMRIG_CHECK(cast_.begin_round());
    }
}

Result<bool> Director::play_steps() {
    for (const auto& step : schedule_.steps) {
        record_.note_step(step.text());
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

bool Director::answers(const Step& step, const EvidenceRecord& record) const {
    const auto& holds = record_.performance().holds;
    const SteadyTime since = holds.empty() ? SteadyTime::min() : holds.back().placed;
    return record.actor == step.actor && record.at >= since &&
           std::ranges::any_of(step.any, [&](const Observation& wanted) {
               return record.evidence.kind == wanted.kind && record.evidence.subject == wanted.subject;
           });
}

bool Director::seen_since_hold(const Step& step) const {
    return std::ranges::any_of(record_.performance().evidence,
                               [&](const EvidenceRecord& record) { return answers(step, record); });
}

Director::ArmedHold& Director::armed(const Step& step) {
    const auto found = armed_.find(step.actor);
    MEMRIG_ASSERT(found != armed_.end(), "a step before has armed the hold");
    return found->second;
}

Status Director::release(const Step& step) {
    const Actor& actor = actor_of(step);
    if (actor.kind == ActorKind::pinner) return cast_.actions().let_page_go(actor);
    for (const auto& hold : record_.note_release(step.actor))
        if (!std::exchange(armed(step).parked, false)) conductor_.release(hold.vcpu);
    if (conductor_.held().empty()) MEMRIG_CHECK(held_waits_.end_hold());
    arm_next_hold(step);
    return {};
}

Result<RunEnd> Director::run_until(const Step& step, const std::function<bool()>& shown) {
    std::string reason;
    const auto over = [&] {
        if (record_.crashed() || shown()) return true;
        if (step.kind == StepKind::finish && stalls_.hopeless()) return true;
        reason = in_vain(step);
        return !reason.empty();
    };
    const auto give_up = Deadline::after(kStepPatience);
    const bool looks = step.asks_for(Observation::Kind::asleep);
    for (;;) {
        MEMRIG_TRY(const RunEnd end,
                   stalls_.run_until(over, looks ? Deadline::after(kLook).earlier(give_up) : give_up));
        if (shown()) return RunEnd::done;
        if (!reason.empty()) record_.note_in_vain(reason);
        if (end == RunEnd::done || give_up.expired()) return RunEnd::expired;
        MEMRIG_CHECK(stalls_.look_for_sleeper(actor_of(step)));
    }
}

std::string Director::missed_refusal() {
    roster_.collect_writes();
    const auto missed = missed_refusals(schedule_, record_.performance());
    return missed.empty() ? std::string() : "an expected refusal did not come: " + missed.front();
}

std::string Director::in_vain(const Step& step) {
    if (std::string blind = stalls_.blind(); !blind.empty()) return blind;
    if (const std::string missed = missed_refusal(); !missed.empty()) return missed;
    // An actor that has finished neither comes to a hold any more nor shows anything.
    if (step.kind != StepKind::finish && roster_.has_started(step.actor) && roster_.finished(actor_of(step)))
        return step.actor + " has finished, and does nothing more";
    return wait_for_held(step);
}

std::string Director::wait_for_held(const Step& step) const {
    const std::string wait = held_waits_.wait_of(step.actor);
    // Another task shows that an actor's work is queued.
    if (wait.empty() || step.asks_for(Observation::Kind::queued)) return {};
    for (const auto& hold : record_.performance().holds)
        if (!hold.released && !hold.pfn && conductor_.held().contains(hold.vcpu))
            return fmt::format(
                "{} waits for {}, which does not come while {}'s vCPU is held: hold {} with parked = true", step.actor,
                wait, hold.actor, hold.actor);
    return {};
}

// Where nobody is held, an actor that gets nowhere is looked at like one at the end.
Result<bool> Director::finish(const Step& step) {
    std::string reason;
    const auto finished = [&] { return roster_.finished(actor_of(step)); };
    const auto over = [&] { return finished() || !(reason = in_vain(step)).empty(); };
    MEMRIG_TRY(PlayEnd end, stalls_.run_to_end(over, Deadline::after(kStepPatience)));
    if (end == PlayEnd::finished && finished()) return true;
    if (!reason.empty()) record_.note_in_vain(reason);
    record_.note_end(end == PlayEnd::finished ? PlayEnd::expired : end);
    return false;
}

// --- a race

Result<PlayEnd> Director::race_in_turns(const Race& race) {
    MEMRIG_ASSERT(ledger_ != nullptr, "only a loop has no ledger, and it has no race in turns");
    InterleaverSpec spec{schedule_, race.actors, race.points.empty() ? default_points() : race.points, race.switches};
    if (race.by == RaceBy::priorities)
        spec.priorities = Priorities{race.seed.value_or(seed_), race.depth, race.length, race.changes};
    spec.waits_unseen = true;
    interleaver_ = std::make_unique<Interleaver>(cast_, conductor_, *ledger_, symbols_, std::move(spec));
    auto end = interleaver_->run();
    record_.note_race(interleaver_->race());
    return end;
}

Result<PlayEnd> Director::race_at_once(const Race& race) {
    if (race.by == RaceBy::delays) {
        delays_ = std::make_unique<RandomDelays>(cast_, conductor_, symbols_, race.seed.value_or(seed_));
        MEMRIG_CHECK(delays_->watch(race.points.empty() ? default_points() : race.points));
    }
    for (const auto& name : race.actors) MEMRIG_CHECK(cast_.actions().start(schedule_.actor(name)));
    const auto finished = [&] {
        return std::ranges::all_of(race.actors,
                                   [&](const std::string& name) { return roster_.finished(schedule_.actor(name)); });
    };
    return stalls_.run_to_end(finished, Deadline::after(kStepPatience));
}

Result<bool> Director::race(const Race& race) {
    const bool in_turns = race.by == RaceBy::priorities || race.by == RaceBy::switches;
    MEMRIG_CHECK(conductor_.pause());  // a step before may have left the guest running
    MEMRIG_TRY(const PlayEnd end, in_turns ? race_in_turns(race) : race_at_once(race));
    if (end != PlayEnd::finished) record_.note_end(end);
    return end == PlayEnd::finished;
}

Result<RunEnd> Director::await(const Step& step) {
    MEMRIG_TRY(const RunEnd end, await_observation(step));
    if (end == RunEnd::expired || record_.crashed()) return end;
    return Dwell(conductor_, symbols_, record_, stalls_, cast_.observer())
        .outlast([&](const EvidenceRecord& record) { return answers(step, record); }, Deadline::after(kStepPatience));
}

Result<RunEnd> Director::await_observation(const Step& step) {
    // An actor that does not stall finishes instead. The two are told apart once the page is let go.
    const bool may_finish = step.asks_for(Observation::Kind::stalled);
    return run_until(step, [&] {
        return record_.crashed() || seen_since_hold(step) || (may_finish && roster_.finished(actor_of(step)));
    });
}

Result<bool> Director::play_step(const Step& step) {
    RunEnd end = RunEnd::done;
    const auto finished = [&] { return roster_.finished(actor_of(step)); };
    switch (step.kind) {
        case StepKind::start:
            arm_next_hold(step);
            MEMRIG_CHECK(cast_.actions().start(actor_of(step)));
            if (const std::string missed = missed_refusal(); !missed.empty()) {
                record_.note_in_vain(missed);
                end = RunEnd::expired;
            }
            break;
        case StepKind::hold: {
            const auto reached = [&] { return armed(step).reached; };
            MEMRIG_TRY(end, run_until(step, reached));
            break;
        }
        case StepKind::await: {
            MEMRIG_TRY(end, await(step));
            break;
        }
        case StepKind::finish: {
            if (hold_in_force(record_.performance()) == nullptr) return finish(step);
            MEMRIG_TRY(end, run_until(step, finished));
            break;
        }
        case StepKind::release:
            MEMRIG_CHECK(release(step));
            MEMRIG_CHECK(end_watches(step));
            break;
        case StepKind::check:
            MEMRIG_CHECK(cast_.check(static_cast<std::size_t>(&step - schedule_.steps.data())));
            break;
        case StepKind::race: return race(*step.race);
        case StepKind::settle:
            MEMRIG_CHECK(stalls_.settle(Deadline::after(kStepPatience)));
            return record_.performance().end == PlayEnd::finished;
    }
    if (record_.crashed()) record_.note_end(PlayEnd::crashed);
    else if (end == RunEnd::expired) record_.note_end(PlayEnd::expired);
    else return true;
    return false;
}

Status play_freely(Cast& cast, Conductor& conductor, const Schedule& schedule) {
    // The threads have to be there before the first block is: the quicker one wins.
    MEMRIG_CHECK(cast.arm(WriterTrigger::spin));
    MEMRIG_CHECK(cast.watch_crashes());
    for (const ActorKind kind : {ActorKind::adder, ActorKind::onliner})
        for (const auto& actor : schedule.actors)
            if (actor.kind == kind) MEMRIG_CHECK(cast.actions().start(actor));
    cast.record().note_step("run");
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(cast.stalls().settle(Deadline::after(kStepPatience)));
    return conclude(cast, conductor, begun);
}

}  // namespace memrig
