#include "play/interleaver.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <ranges>

#include "base/assert.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// The longest time that an actor may run without reaching a point, being blocked or finishing. It makes no verdict.
constexpr auto kTurnPatience = 120s;
// In a race, where many orders are tried, and one that is given up is no loss.
constexpr auto kRacePatience = 40s;
// A loop in the kernel may take locks for ever, which looks like progress.
constexpr auto kMostPatience = 5min;
constexpr auto kTurnGlance = 500ms;

constexpr const char* kFinished = "finished";

}  // namespace

const std::vector<std::string>& default_points() {
    static const std::vector<std::string> points = {
        // the adder's way: drivers/acpi/osl.c, mm/memory_hotplug.c, drivers/base/{memory,core,bus}.c
        "lock_device_hotplug", "add_memory_resource", "percpu_down_write", "arch_add_memory",
        "create_memory_block_devices", "device_add", "kobject_uevent", "bus_probe_device", "percpu_up_write",
        "unlock_device_hotplug",
        // the onliner's
        "device_online", "memory_subsys_online", "online_pages", "memory_notify", "move_pfn_range_to_zone"};
    return points;
}

std::vector<std::string> actors_to_explore(const Schedule& schedule) {
    std::vector<std::string> names;
    for (const ActorKind kind : {ActorKind::adder, ActorKind::onliner})
        for (const auto& actor : schedule.actors)
            if (actor.kind == kind) names.push_back(actor.name);
    return names;
}

Interleaver::Interleaver(Cast& cast, Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols,
                         InterleaverSpec spec)
    : cast_(cast),
      roster_(cast.roster()),
      record_(cast.record()),
      conductor_(conductor),
      ledger_(ledger),
      symbols_(symbols),
      spec_(std::move(spec)) {
    for (const auto& name : spec_.actors) states_.push_back({&spec_.schedule.actor(name), false, {}, {}});
    if (spec_.priorities) draw_priorities();
}

void Interleaver::draw_priorities() {
    std::mt19937_64 random(spec_.priorities->seed);
    // The standard leaves the distributions and shuffle() to the library. A seed has to mean the same everywhere.
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    std::vector<int> ranks(states_.size());
    std::iota(ranks.begin(), ranks.end(), 1);
    for (std::size_t i = ranks.size(); i > 1; i--) std::swap(ranks[i - 1], ranks[below(i)]);
    for (std::size_t i = 0; i < states_.size(); i++) states_[i].priority = ranks[i];
    changes_.insert(spec_.priorities->changes.begin(), spec_.priorities->changes.end());
    for (unsigned i = 1; i < spec_.priorities->depth && spec_.priorities->changes.empty(); i++)
        changes_.insert(1 + below(spec_.priorities->length));
}

Interleaver::State* Interleaver::find(const std::string& actor) {
    const auto found = std::ranges::find_if(states_, [&](const State& state) { return state.actor->name == actor; });
    return found == states_.end() ? nullptr : &*found;
}

// --- what the probe watches

Status Interleaver::set_watches() {
    MEMRIG_CHECK(cast_.parking().check());
    // Before the point at the same place: the block can be seen by then.
    MEMRIG_CHECK(watch_function(
        conductor_, symbols_, "kobject_uevent", [this](const Arrival& arrival) { return at_device_shown(arrival); },
        Priority::park));
    // The entry of an actor is a point of its own. Where actors share it, the last one of the schedule claims a task
    // first.
    for (auto& state : std::views::reverse(states_)) {
        const auto at_entry = [this, &state](const Arrival& arrival) -> Result<Response> {
            if (!roster_.enters(*state.actor, passage_of(arrival))) return Response::pass();
            return at_point(std::string(symbols_.function(arrival.address)), arrival);
        };
        for (const auto address : roster_.entries(state.actor->name))
            MEMRIG_CHECK(conductor_.watch(address, at_entry, Priority::park));
    }
    for (const auto& point : spec_.points) {
        if (symbols_.all(point).empty()) {
            missing_.push_back(point);
            continue;
        }
        MEMRIG_CHECK(watch_function(
            conductor_, symbols_, point, [this, &point](const Arrival& arrival) { return at_point(point, arrival); },
            Priority::park));
    }
    return {};
}

// device_add() has made the block's attributes by the time it sends its uevent (drivers/base/core.c). The first member
// of a device is its kobject.
Result<Response> Interleaver::at_device_shown(const Arrival& arrival) {
    MEMRIG_TRY(const auto block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
    if (block && std::ranges::any_of(record_.performance().plugged,
                                     [&](const auto& device) { return device.second.contains(*block); }))
        shown_blocks_.insert(*block);
    return Response::pass();
}

Result<Response> Interleaver::at_point(const std::string& point, const Arrival& arrival) {
    State* state = over_ ? nullptr : find(roster_.actor_of(arrival.task));
    if (state == nullptr) return Response::pass();
    state->waits = false;
    state->at_point = state != current_;
    if (state == current_ && arrival.again) return Response::pass();
    // If this is no return from a park, the actor was blocked, or has polled, and is free now.
    if (state != current_) return cast_.parking().park(ParkReason::turn);
    branches_.points_passed++;
    if (state->refused.empty()) progress_++;
    if (std::ranges::find(spec_.points, point) != spec_.points.end()) passed_a_point_ = true;
    const unsigned nth = ++state->arrivals[point];
    record_.add_event(state->actor->name, "passes", fmt::format("{} ({})", point, nth), arrival.vcpu);
    if (passed_.size() < kMostPassed) passed_.push_back(state->actor->name + " " + point);
    if (spec_.priorities)
        return outranked(*state, point, nth) ? cast_.parking().park(ParkReason::turn) : Response::pass();
    if (!take(*state, point, nth)) {
        offer(*state, point, nth, false);
        return Response::pass();
    }
    return cast_.parking().park(ParkReason::turn);
}

// --- whose turn it is

std::string Interleaver::blocked_on(State& state) {
    const auto& tasks = record_.performance().tasks;
    const auto task = tasks.find(state.actor->name);
    if (task == tasks.end()) return {};
    const auto another_holds = [&](const std::string& lock) {
        return std::ranges::any_of(tasks, [&](const auto& other) {
            if (other.second == task->second) return false;
            const auto held = ledger_.held_by(other.second);
            return std::ranges::find(held, lock, &LockEvent::lock) != held.end();
        });
    };
    // A task that has come to a point does not wait for the lock that it wanted before, if it ever did.
    const auto wanted = state.at_point ? std::nullopt : ledger_.wanted_by(task->second);
    if (wanted && another_holds(wanted->lock)) return wanted->lock;
    for (const auto& lock : state.refused)
        if (another_holds(lock)) return lock;
    state.refused.clear();
    return {};
}

bool Interleaver::has_blocks_left(const State& state) {
    const Actor& actor = *state.actor;
    if (!actor.is_thread() || actor.writes_to_one_file()) return true;
    const auto& plugged = record_.performance().plugged;
    const auto is_its_own = [&](std::uint64_t block) {
        return std::ranges::any_of(plugged, [&](const auto& device) {
            return (actor.of.empty() || actor.of == device.first) && device.second.contains(block);
        });
    };
    return static_cast<std::size_t>(std::ranges::count_if(shown_blocks_, is_its_own)) > roster_.writes_of(actor.name);
}

bool Interleaver::is_queued(const State& state) {
    if (state.actor->is_thread() || !state.started || roster_.task_of(state.actor->name)) return false;
    return std::ranges::any_of(states_, [&](const State& other) {
        return other.actor != state.actor && !other.actor->is_thread() && other.started &&
               other.actor->entry == state.actor->entry && !roster_.finished(*other.actor);
    });
}

bool Interleaver::can_go_on(State& state) {
    if (roster_.finished(*state.actor) || state.waits || is_queued(state) || !has_blocks_left(state)) return false;
    return blocked_on(state).empty();
}

bool Interleaver::all_finished() {
    return std::ranges::all_of(states_, [this](const State& state) { return roster_.finished(*state.actor); });
}

// On a slow host, an actor that is at work may come to no point for long.
Result<bool> Interleaver::sleeps(const State& state) {
    const auto task = roster_.task_of(state.actor->name);
    if (!task) return true;  // its work has not begun
    MEMRIG_CHECK(conductor_.pause());
    for (unsigned vcpu = 0; vcpu < conductor_.probe().vcpus(); vcpu++) {
        MEMRIG_TRY(const Registers registers, conductor_.probe().registers(vcpu));
        if ((registers.sp() & ~(conductor_.stack_bytes() - 1)) == *task) return false;
    }
    return true;
}

void Interleaver::note_switch(const Switch& taken) {
    record_.note_switch(taken);
    taken_.push_back(taken);
}

bool Interleaver::outranked(State& from, const std::string& at, unsigned nth) {
    if (changes_.contains(branches_.points_passed)) from.priority = --lowest_;
    State* other = next_who_can();
    if (other == nullptr || other->priority < from.priority) return false;
    note_switch({from.actor->name, at, nth, other->actor->name, false});
    current_ = other;
    if (!other->started) to_start_ = other;
    return true;
}

bool Interleaver::take(const State& from, const std::string& at, unsigned nth) {
    if (complete()) return false;
    const Switch& wanted = spec_.order[next_];
    if (wanted.actor != from.actor->name || wanted.at != at || wanted.nth != nth) return false;
    State* to = find(wanted.to);
    // An actor that is blocked now was not blocked when this order branched off: the guest went another way.
    if (to == nullptr || !can_go_on(*to)) return false;
    next_++;
    note_switch(wanted);
    current_ = to;
    if (!to->started) to_start_ = to;
    return true;
}

void Interleaver::offer(const State& from, const std::string& at, unsigned nth, bool forced) {
    if (!complete() || spec_.priorities) return;
    if (!forced && preemptions(spec_.order) >= spec_.preemptions) return;
    for (auto& other : states_) {
        if (&other == &from || (forced && &other == current_)) continue;
        if (roster_.finished(*other.actor)) continue;
        if (!can_go_on(other)) {
            branches_.infeasible++;
            continue;
        }
        Interleaving branch = spec_.order;
        branch.push_back({from.actor->name, at, nth, other.actor->name, forced});
        branches_.orders.push_back(std::move(branch));
    }
}

void Interleaver::at_lock(const LockEvent& event) {
    locks_seen_++;
    if (event.action == LockAction::takes) progress_++;
    if (event.action != LockAction::refused) return;
    if (State* state = find(roster_.actor_of(event.task)); state != nullptr) state->refused.insert(event.lock);
}

bool Interleaver::turn_is_over() {
    if (record_.crashed() || to_start_ != nullptr) return true;
    const bool goes_on = can_go_on(*current_);
    return stalled_ ? goes_on || next_who_can() != nullptr : !goes_on;
}

Interleaver::State* Interleaver::next_who_can() {
    State* next = nullptr;
    for (auto& state : states_)
        if (&state != current_ && can_go_on(state) && (next == nullptr || state.priority > next->priority))
            next = &state;
    return next;
}

// An actor that waits unseen may wait for one that was refused a lock: on its way to the next try, that one gives up
// what it holds (lock_device_hotplug_sysfs(), drivers/base/core.c, and kernfs_drain(), fs/kernfs/dir.c).
Interleaver::State* Interleaver::next_to_try_again() {
    if (!spec_.waits_unseen) return nullptr;
    for (auto& state : states_) {
        const auto task = roster_.task_of(state.actor->name);
        if (&state == current_ || state.waits || state.refused.empty() || roster_.finished(*state.actor) || !task ||
            ledger_.wanted_by(*task))
            continue;
        state.refused.clear();
        return &state;
    }
    return nullptr;
}

Status Interleaver::let(State& to) {
    current_ = &to;
    if (to.started) return {};
    to.started = true;
    return cast_.actions().start(*to.actor);
}

// The current actor is blocked, has finished or has nothing to do: another's turn, if there is one who can.
Status Interleaver::force_switch() {
    State& from = *current_;
    State* other = next_who_can();
    if (other == nullptr) other = next_to_try_again();
    stalled_ = other == nullptr;
    if (stalled_) return {};
    const std::string lock = blocked_on(from);
    const std::string at = roster_.finished(*from.actor)   ? kFinished
                           : !lock.empty()                 ? "blocked " + lock
                           : from.waits || is_queued(from) ? "waits"
                                                           : "without a block";
    const unsigned nth = ++from.arrivals[at];
    if (!take(from, at, nth)) {
        current_ = other;
        offer(from, at, nth, true);
        note_switch({from.actor->name, at, nth, other->actor->name, true});
    }
    to_start_ = nullptr;
    return let(*current_);
}

Status Interleaver::play() {
    MEMRIG_CHECK(cast_.arm(WriterTrigger::spin));
    MEMRIG_CHECK(cast_.watch());
    record_.note_order(text_of(spec_.order));
    const auto begun = steady_clock().now();
    MEMRIG_TRY(const PlayEnd end, run());
    record_.note_end(end);
    return cast_.conclude(seconds(steady_clock().now() - begun));
}

Result<PlayEnd> Interleaver::run() {
    MEMRIG_ASSERT(!states_.empty(), "an order has actors");
    const auto locks = cast_.on_lock([this](const LockEvent& event) { at_lock(event); });
    // The actors before a race have finished, and so what they plugged can be seen.
    for (const auto& [adder, blocks] : record_.performance().plugged)
        for (std::uint64_t block = blocks.first; block <= blocks.last; block++) shown_blocks_.insert(block);
    MEMRIG_CHECK(set_watches());
    State* first = next_who_can();
    MEMRIG_ASSERT(first != nullptr, "an actor that needs nothing of another can begin");
    MEMRIG_CHECK(let(*first));
    auto end = play_out();
    over_ = true;
    return end;
}

Result<PlayEnd> Interleaver::play_out() {
    const auto patience = spec_.waits_unseen ? kRacePatience : kTurnPatience;
    auto give_up = Deadline::after(patience);
    const auto give_up_for_good = Deadline::after(kMostPatience);
    for (;;) {
        const State* before = current_;
        const std::size_t passed = branches_.points_passed, locks = locks_seen_, progress = progress_;
        const std::size_t writes = record_.performance().writes.size();
        MEMRIG_TRY(const RunEnd end, conductor_.run_until([this] { return turn_is_over(); },
                                                          Deadline::after(kTurnGlance), cast_.descriptor()));
        if (record_.crashed()) return PlayEnd::crashed;
        if (to_start_ != nullptr) MEMRIG_CHECK(let(*std::exchange(to_start_, nullptr)));
        else if (all_finished()) return PlayEnd::finished;
        else {
            stalled_ = false;
            const bool moved = current_ != before || branches_.points_passed != passed || locks_seen_ != locks;
            if (spec_.waits_unseen && end == RunEnd::expired && !moved) {
                MEMRIG_TRY(current_->waits, sleeps(*current_));
            }
            if (!can_go_on(*current_)) MEMRIG_CHECK(force_switch());
        }
        // An actor that is refused again and again moves, but gets nowhere.
        if (progress_ != progress || record_.performance().writes.size() != writes) give_up = Deadline::after(patience);
        // No other actor can go on either: what this one waits for comes by itself, or never.
        const bool is_over = give_up.expired() || give_up_for_good.expired();
        if (!ledger_.wait_cycle() && !is_over) continue;
        MEMRIG_TRY(bool stuck, cast_.stalls().look_at_stuck());
        // An actor whose turn it is not goes round in a park of the rig, and another one may wait for it.
        const bool alone = std::ranges::all_of(
            states_, [&](const State& state) { return &state == current_ || roster_.finished(*state.actor); });
        if (!stuck && is_over && alone) {
            MEMRIG_TRY(stuck, cast_.stalls().goes_round([this] { return record_.crashed() || all_finished(); }));
            if (record_.crashed()) return PlayEnd::crashed;
            if (all_finished()) return PlayEnd::finished;
        }
        if (!stuck && !is_over) continue;
        return stuck ? PlayEnd::stuck : PlayEnd::expired;
    }
}

}  // namespace memrig
