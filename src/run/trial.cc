#include "run/trial.h"

#include <algorithm>

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "hotplug/virtio_mem.h"
#include "oracle/checks.h"
#include "oracle/judge.h"
#include "oracle/obligations.h"
#include "play/director.h"
#include "play/while_running.h"
#include "probe/kernel_objects.h"
#include "run/arm_changes.h"
#include "run/arming.h"
#include "run/evidence.h"
#include "run/expectation.h"
#include "run/idle_counters.h"
#include "run/kernel_requests.h"
#include "run/lacks.h"
#include "run/rule_watches.h"
#include "run/trial_json.h"
#include "run/trial_observer.h"
#include "watch/lock_trace.h"

namespace memrig {
namespace {
using namespace std::chrono_literals;
constexpr auto kAgentPatience = 1min;
constexpr auto kCrashedPatience = 10s;

// Everything of a trial that lives while its machine does.
class Stage {
public:
    Stage(Machine& machine, const TrialSpec& order, SteadyTime origin)
        : machine_(machine), order_(order), armament_(order.armament.value_or(Armament())), timeline_(origin) {}

    Result<Judgement> play(TrialOutcome& outcome);
    Status write(SteadyTime origin) const {
        MEMRIG_CHECK(write_machine_evidence(machine_, probe_, origin, order_.directory));
        if (recorder_) MEMRIG_CHECK(write_recorded_calls(recorder_->calls(), order_.directory));
        if (cast_ && cast_->performance().race) MEMRIG_CHECK(write_race(*cast_->performance().race, order_.directory));
        if (!conductor_) return {};
        if (const auto graph = observer_ ? observer_->lock_graph() : std::nullopt)
            MEMRIG_CHECK(write_lock_graph(*graph, tasks_, order_.directory));
        return write_schedule_evidence(timeline_, ledger_.get(), tasks_, stops_by_function(), order_.directory);
    }

private:
    Result<Judgement> play_through(TrialOutcome& outcome);
    // Returns the memory at the beginning. The guest has answered, and is stopped.
    Result<MemorySnapshot> memory_before();
    Status set_up(const MemorySnapshot& before);
    // Returns the observer whose events are the ledger, or null if the ledger sees by stops.
    [[nodiscard]] LockObserver* eyes();
    [[nodiscard]] NotifierSpec notifier_order(const MemorySnapshot& before) const;
    Status at_work(const Actor& actor, const Arrival& entry, bool begins);
    void listen_to(Cast& cast);
    // Returns what the kernel said when it gave a memory device up for good; "" if it did not.
    const std::string& device_given_up();
    Status perform(Cast& cast, TrialOutcome& outcome);
    void name_tasks_of(Record& record);
    Status compare_with_trace(const Performance& performance);
    void take_in_race(const Performance& performance, TrialOutcome& outcome);
    void note_lacks(const std::vector<std::string>& lines) { lacks_.insert(lacks_.end(), lines.begin(), lines.end()); }
    Judgement judge_it(const Performance& performance, TrialOutcome& outcome);
    [[nodiscard]] std::map<std::string, std::uint64_t> stops_by_function() const;

    Machine& machine_;
    const TrialSpec& order_;
    const Armament armament_;
    Timeline timeline_;
    std::map<std::uint64_t, TaskLabel> tasks_;
    Probe* probe_ = nullptr;
    std::unique_ptr<Conductor> conductor_;
    std::optional<TrialObserver> observer_;  // unless Observing::stops
    std::unique_ptr<LockLedger> ledger_;
    RuleWatches watches_;
    std::optional<Cast> cast_;
    std::unique_ptr<ArmChanges> changes_;
    std::unique_ptr<CallRecorder> recorder_;
    Subscription work_;
    std::vector<std::string> disagreements_;  // of ledger and lock trace
    bool console_ended_ = false;              // the console showed the last word that the kernel was asked for
    std::vector<std::string> lacks_;          // parts of the trial that the rig does not have
    std::string given_up_;                    // device_given_up()
    std::size_t heard_ = 0;                   // so many bytes of the console were looked at for it
    std::vector<std::string> left_over_;      // counters that are not as before
};

NotifierSpec Stage::notifier_order(const MemorySnapshot& before) const {
    NotifierSpec order;
    order.block_bytes = order_.guest->hello.block_bytes;
    order.page_bytes = before.figures.page_bytes;
    for (const auto& zone : before.figures.zones) order.present[zone.node] += zone.present;
    order.block = [this](std::uint64_t block) -> std::optional<BlockFacts> {
        for (const auto& [adder, blocks] : cast_->performance().plugged)
            if (blocks.contains(block)) {
                const Actor& actor = order_.scenario.schedule.actor(adder);
                return BlockFacts{actor.node, actor.memmap_on_memory};
            }
        return std::nullopt;
    };
    const auto& veto = order_.scenario.veto;
    if (veto && veto->by == VetoSpec::By::probe) {
        order.veto = veto->notice;
        order.let_through = veto->after;
        order.veto_error = veto->error;
    }
    return order;
}

LockObserver* Stage::eyes() {
    return observer_ && order_.manner.observe == Observing::plugin ? observer_->eyes() : nullptr;
}

Status Stage::set_up(const MemorySnapshot& before) {
    const PreparedGuest& guest = *order_.guest;
    const TrialOptions& manner = order_.manner;
    if (keeps_ledger(order_)) {
        MEMRIG_TRY(ledger_, make_trial_ledger(machine_, *conductor_, guest.symbols, armament_, manner.ledger, eyes()));
    }
    const bool compares = manner.observe == Observing::both;
    if (observer_ && eyes() == nullptr) MEMRIG_CHECK(observer_->begin_comparison(compares ? ledger_.get() : nullptr));
    changes_ = std::make_unique<ArmChanges>(*conductor_, guest.symbols, order_.arm);
    MEMRIG_CHECK(changes_->make_elisions());
    if (ledger_ && manner.ledger) {
        MEMRIG_TRY(watches_, watch_rules(*conductor_, *ledger_, guest.symbols, notifier_order(before),
                                         watchable_layout(machine_, *probe_, armament_), eyes()));
    }
    MEMRIG_CHECK(changes_->make_others());
    if (manner.prototypes) MEMRIG_CHECK(write_prototypes(*probe_, guest.symbols, order_.directory));
    if (manner.recorded.empty()) return {};
    MEMRIG_TRY(recorder_, CallRecorder::make(*conductor_, guest.symbols, manner.recorded));
    return {};
}

// An actor's task enters its entry, or leaves it again.
Status Stage::at_work(const Actor& actor, const Arrival& entry, bool begins) {
    const std::string function(order_.guest->symbols.function(entry.address));
    // The rules know the functions by which threads write to a block's attributes.
    if (watches_.rules && begins && !actor.is_thread()) MEMRIG_CHECK(watches_.rules->check_leaving(function, entry));
    if (!recorder_) return {};
    return begins ? recorder_->begin(actor.name, entry.task, function) : recorder_->end(entry.task);
}

const std::string& Stage::device_given_up() {
    const auto& actors = order_.scenario.schedule.actors;
    if (std::ranges::find(actors, MemoryDevice::virtio_mem, &Actor::device) == actors.end()) return given_up_;
    const std::size_t said = machine_.console().size();
    if (given_up_.empty() && said != std::exchange(heard_, said)) given_up_ = given_up(machine_.console().text());
    return given_up_;
}

void Stage::listen_to(Cast& cast) {
    changes_->follow(cast);
    if (watches_.rules || recorder_)
        work_ = cast.on_work(
            [this](const Actor& actor, const Arrival& entry, bool begins) { return at_work(actor, entry, begins); });
    // A lock that a task left with is never given back: another one waits for it for ever. A device that the kernel
    // gave up takes no memory any more.
    cast.stalls().prepare_looks_by([this] { return watches_.data ? watches_.data->end() : Status(); });
    cast.stalls().give_up_when([this] { return !device_given_up().empty() || left_with_a_lock(watches_); });
    if (LockObserver* const observer = eyes())
        cast.stalls().give_up_if_blind([observer] {
            const auto faults = observer->faults();
            return faults.empty() ? std::string() : "the observer does not see all: " + faults.front();
        });
}

Status Stage::perform(Cast& cast, TrialOutcome& outcome) {
    const PreparedGuest& guest = *order_.guest;
    const Schedule& schedule = order_.scenario.schedule;
    if (order_.manner.mode != Mode::directed && !schedule.makes_sense_in_any_order())
        return fail(Fault::user_input, "scenario {} has actors that only its steps can order: it has no {} mode",
                    order_.scenario.name, to_string(order_.manner.mode));
    switch (order_.manner.mode) {
        case Mode::free: return play_freely(cast, *conductor_, schedule);
        case Mode::directed: {
            Director director(cast, *conductor_, ledger_.get(), guest.symbols, schedule, order_.seed);
            const Status played = director.play();
            take_in_race(cast.performance(), outcome);
            return played;
        }
        case Mode::explore: break;
    }
    MEMRIG_ASSERT(ledger_, "set_up() makes a ledger for all modes but free, and only a loop has none");
    Interleaver interleaver(cast, *conductor_, *ledger_, guest.symbols,
                            {schedule, actors_to_explore(schedule), points_of(order_.manner, order_.scenario),
                             order_.order, order_.manner.preemptions});
    const Status played = interleaver.play();
    outcome.branches = interleaver.branches();
    outcome.missing_points = interleaver.missing_points();
    outcome.result.order_came_to_pass = interleaver.complete();
    if (cast.performance().end == PlayEnd::finished)
        note_lacks(lacking_points({!order_.manner.points.empty() || !order_.scenario.points.empty(),
                                   outcome.missing_points, interleaver.passed_a_point()}));
    return played;
}

// For the reports.
void Stage::name_tasks_of(Record& record) {
    if (!ledger_) return;
    const auto& tasks = record.performance().tasks;
    std::map<std::uint64_t, std::string> known;
    for (const auto& actor : order_.scenario.schedule.actors)
        if (const auto task = tasks.find(actor.name); actor.is_thread() && task != tasks.end())
            known.emplace(task->second, actor.name);
    record.note_names(name_tasks(ledger_->owners(), known));
}

// The guest has come to its end, or there is nothing to compare.
Status Stage::compare_with_trace(const Performance& performance) {
    if (!order_.manner.lock_trace || !ledger_ || performance.end != PlayEnd::finished) return {};
    MEMRIG_TRY(const auto trace, while_running(*conductor_, [&] {
                   return read_lock_trace(machine_.agent(), Deadline::after(kAgentPatience));
               }));
    if (!trace.lack.empty()) lacks_.push_back(trace.lack);
    std::map<std::uint64_t, int> pids;
    for (const auto& [task, name] : performance.names)
        if (name.pid > 0) pids.emplace(task, name.pid);
    std::size_t compared = 0;
    disagreements_ = lock_trace_disagreements(ledger_->events(), pids, trace.events, compared);
    if (compared < order_.scenario.schedule.actors.size())
        disagreements_.push_back(fmt::format("only {} tasks could be compared", compared));
    return {};
}

void Stage::take_in_race(const Performance& performance, TrialOutcome& outcome) {
    const auto& race = performance.race;
    if (!race) return;
    outcome.result.order = race->switches;
    if (performance.end == PlayEnd::finished)
        note_lacks(lacking_points(
            {!order_.scenario.schedule.race()->points.empty(), race->missing_points, race->passed_a_point}));
}

Judgement Stage::judge_it(const Performance& performance, TrialOutcome& outcome) {
    const PreparedGuest& guest = *order_.guest;
    const ConsoleReport console = parse_console(machine_.console().text());
    TrialEvidence evidence{order_.scenario.schedule, performance, console, {}, guest.hello.block_bytes};
    if (ledger_ && order_.manner.ledger) evidence.locks = &ledger_->events();
    if (observer_) evidence.graph = observer_->lock_graph();
    if (watches_.rules) evidence.rules = evidence_of(watches_, armament_);
    if (const auto& veto = order_.scenario.veto;
        veto && veto->by != VetoSpec::By::nobody && watches_.notices && watches_.notices->vetoes(veto->notice) == 0)
        evidence.never_vetoed = to_string(veto->notice);
    evidence.mode = order_.manner.mode;
    evidence.console_is_whole = console_ended_;
    evidence.ledger_disagreements = disagreements_;
    if (ledger_) evidence.blind = blind_spots(armament_, ledger_->contradictions());
    if (observer_) evidence.blind.insert(evidence.blind.end(), observer_->doubts().begin(), observer_->doubts().end());
    evidence.lacks = passed_limits(machine_.console(), console, ledger_.get());
    evidence.lacks.insert(evidence.lacks.end(), lacks_.begin(), lacks_.end());
    evidence.order_came_to_pass = outcome.result.order_came_to_pass;
    changes_->report(evidence);
    evidence.left_over = left_over_;
    evidence.given_up = device_given_up();
    outcome.result.checks = checks_made(evidence, order_.manner.oracles);
    return judge(evidence, order_.manner.oracles);
}

Result<Judgement> Stage::play(TrialOutcome& outcome) {
    auto judgement = play_through(outcome);
    if (judgement || !cast_) return judgement;
    // A kernel that crashes where nobody watches it any more, as when its memory is looked at, shows in an agent that
    // does not answer, and on the console. A kernel that panics ends the machine, too.
    const Fault fault = judgement.error().fault;
    if (fault != Fault::guest && fault != Fault::rig) return judgement;
    cast_->record().note_end(PlayEnd::crashed);
    Judgement crashed = judge_it(cast_->performance(), outcome);
    const bool no_memory = std::ranges::any_of(parse_console(machine_.console().text()).findings, is_panic_of_memory);
    return crashed.verdict == Verdict::oops || no_memory ? std::move(crashed) : std::move(judgement);
}

Result<MemorySnapshot> Stage::memory_before() {
    if (!order_.before) return snapshot_before(machine_, *conductor_, order_.guest->symbols);
    MEMRIG_CHECK(greet(machine_, *conductor_));
    return *order_.before;
}

Result<Judgement> Stage::play_through(TrialOutcome& outcome) {
    const PreparedGuest& guest = *order_.guest;
    const auto crashed = [&console = machine_.console()] {
        return std::ranges::any_of(parse_console(console.text()).findings,
                                   [](const auto& one) { return is_crash(one.kind) || is_panic_of_memory(one); });
    };
    machine_.agent().shorten_waits_when(crashed, kCrashedPatience);
    MEMRIG_TRY(probe_, machine_.probe());
    conductor_ = std::make_unique<Conductor>(*probe_, armament_.stack_bytes != 0
                                                          ? armament_.stack_bytes
                                                          : kernel_stack_bytes(guest.symbols, probe_->architecture()));
    if (wants_observer(order_))
        MEMRIG_CHECK(observer_.emplace(machine_, *conductor_, guest.symbols, armament_, order_.arm).begin());
    MEMRIG_TRY(MemorySnapshot before, memory_before());
    if (before.page_struct_bytes == 0 && std::ranges::any_of(order_.scenario.schedule.actors, &Actor::memmap_on_memory))
        lacks_.push_back("the size of a struct page, which MemTotal depends on where blocks hold their own");
    MEMRIG_TRY(const IdleCounters idle, read_idle_counters(*probe_, guest.symbols));
    if (order_.manner.lock_trace) {
        MEMRIG_CHECK(while_running(
            *conductor_, [&] { return start_lock_trace(machine_.agent(), Deadline::after(kAgentPatience)); }));
        MEMRIG_CHECK(conductor_->pause());
    }
    MEMRIG_CHECK(ask_kernel_for_veto(machine_, *conductor_, order_.scenario.veto));
    MEMRIG_CHECK(set_up(before));
    Cast& cast = cast_.emplace(
        machine_, *conductor_, ledger_.get(), guest.symbols, timeline_,
        CastSpec{std::move(before), order_.scenario.schedule, order_.attributes, guest.hello.block_bytes,
                 guest.order.bench.housekeeping, eyes(), recorder_ != nullptr || !order_.arm.failures.empty()});
    listen_to(cast);
    MEMRIG_CHECK(perform(cast, outcome));
    if (observer_)
        MEMRIG_CHECK(observer_->finish(outcome.result, watches_.rules ? watches_.rules->writer_sections() : 0));
    const Performance& seen = cast.performance();
    if (watches_.notices && seen.end == PlayEnd::finished) watches_.notices->finish();
    name_tasks_of(cast.record());
    MEMRIG_CHECK(compare_with_trace(seen));
    if (seen.end == PlayEnd::finished) {
        MEMRIG_TRY(console_ended_, hear_last_word(machine_, *conductor_, order_.number));
    }
    if (seen.end == PlayEnd::finished && seen.after) {
        MEMRIG_TRY(left_over_, left_over_since(idle, machine_, *conductor_, guest.symbols));
    }
    for (const auto& [task, name] : seen.names) tasks_[task] = {cast.roster().actor_of(task), name};
    for (const auto& [actor, task] : seen.tasks) tasks_[task].actor = actor;
    outcome.result.schedule_seconds = seen.schedule_seconds;
    outcome.result.stops = conductor_->stops();
    return judge_it(seen, outcome);
}

std::map<std::string, std::uint64_t> Stage::stops_by_function() const {
    std::map<std::string, std::uint64_t> stops;
    for (const auto& [address, count] : conductor_->stops_at()) stops[order_.guest->symbols.describe(address)] += count;
    return stops;
}

}  // namespace

std::vector<std::string> points_of(const TrialOptions& manner, const Scenario& scenario) {
    if (!manner.points.empty()) return manner.points;
    return scenario.points.empty() ? default_points() : scenario.points;
}

Result<TrialOutcome> run_trial(Host& backend, const TrialSpec& order) {
    MEMRIG_ASSERT(order.guest, "a trial has a guest to begin with");
    MEMRIG_ASSERT(order.number > 0, "trials are numbered from 1");
    TrialOutcome outcome;
    TrialResult& result = outcome.result;
    result.number = order.number;
    result.seed = order.seed;
    result.order = order.order;
    result.host = order.host;
    for (const auto& [actor, attribute] : order.attributes) result.choices[actor + ".attribute"] = attribute;
    MEMRIG_CHECK(make_directories(order.directory));
    MEMRIG_CHECK(write_file(order.directory / "trial.json", text_of(recipe_json(order))));

    TrialSpec played = order;
    const Status armed = arm_trial(backend, played);
    const SteadyTime begun = steady_clock().now();
    const bool observe = wants_observer(order) && (!played.armament || no_observer_for(*played.armament).empty());
    auto live = armed ? begin_guest(backend, order.guest, order.directory, observe) : std::unexpected(armed.error());
    result.restore_seconds = seconds(steady_clock().now() - begun);
    if (!live) {
        if (live.error().fault == Fault::interrupted) return std::unexpected(live.error());
        blame(result, live.error());
        // A QEMU that somebody killed says nothing about the saved state.
        const bool killed = live.error().process_end == ProcessEnd::killed;
        result.did_not_restore =
            is_kept(backend, order.guest->order.bench) && live.error().fault == Fault::rig && !killed;
    } else {
        played.guest = live->guest;
        result.unobserved = live->unobserved;
        Machine& machine = *live->machine;
        Stage stage(machine, played, begun);
        const auto judgement = stage.play(outcome);
        if (judgement) {
            result.verdict = judgement->verdict;
            result.reason = judgement->reason;
            result.findings = judgement->findings;
        } else if (judgement.error().fault == Fault::interrupted || judgement.error().fault == Fault::user_input) {
            return std::unexpected(judgement.error());
        } else {
            // The error may be only a consequence of QEMU's end.
            const bool ours = judgement.error().fault == Fault::rig;
            blame(result, machine.death(ours ? Duration(kExitPatience) : Duration::zero()).value_or(judgement.error()));
        }
        if (const auto written = stage.write(begun); !written) blame(result, written.error());
    }
    if (live && order.keep_machine) outcome.machine = std::move(live->machine);
    result.verdict_seconds = seconds(steady_clock().now() - begun);
    result.as_expected = is_as_expected(order, result);
    if (const auto written = write_file(order.directory / "verdict.json", text_of(verdict_json(result))); !written) {
        blame(result, written.error());
        result.as_expected = false;
    }
    return outcome;
}

}  // namespace memrig
