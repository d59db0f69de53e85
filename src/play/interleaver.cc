#include "play/interleaver.h"

#include <algorithm>
#include <ranges>

#include "base/assert.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// The longest time that an actor may run without reaching a point, being blocked or finishing. It makes no verdict.
constexpr auto kTurnPatience = 120s;
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

Interleaver::Interleaver(Cast& cast, Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols,
                         InterleaverSpec spec)
    : cast_(cast),
      roster_(cast.roster()),
      record_(cast.record()),
      conductor_(conductor),
      ledger_(ledger),
      symbols_(symbols),
      spec_(std::move(spec)) {
    for (const ActorKind kind : {ActorKind::adder, ActorKind::onliner})
        for (const auto& actor : spec_.schedule.actors)
            if (actor.kind == kind) states_.push_back({&actor, false, {}, {}});
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
            if (!roster_.enters(*state.actor, arrival)) return Response::pass();
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
    State* state = find(roster_.actor_of(arrival.task));
    if (state == nullptr) return Response::pass();
    if (state == current_ && arrival.again) return Response::pass();
    // If this is no return from a park, the actor was blocked, or has polled, and is free now.
    if (state != current_) return cast_.parking().park(ParkReason::turn);
    branches_.points_passed++;
    if (std::ranges::find(spec_.points, point) != spec_.points.end()) passed_a_point_ = true;
    const unsigned nth = ++state->arrivals[point];
    record_.add_event(state->actor->name, "passes", fmt::format("{} ({})", point, nth), arrival.vcpu);
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
    const auto wanted = ledger_.wanted_by(task->second);
    if (wanted && another_holds(wanted->lock)) return wanted->lock;
    for (const auto& lock : state.refused)
        if (another_holds(lock)) return lock;
    state.refused.clear();
    return {};
}

bool Interleaver::can_go_on(State& state) {
    if (roster_.finished(*state.actor)) return false;
    if (state.actor->kind == ActorKind::onliner && shown_blocks_.size() <= roster_.writes_of(state.actor->name))
        return false;  // no block to online yet
    return blocked_on(state).empty();
}

bool Interleaver::take(const State& from, const std::string& at, unsigned nth) {
    if (complete()) return false;
    const Switch& wanted = spec_.order[next_];
    if (wanted.actor != from.actor->name || wanted.at != at || wanted.nth != nth) return false;
    State* to = find(wanted.to);
    // An actor that is blocked now was not blocked when this order branched off: the guest went another way.
    if (to == nullptr || !can_go_on(*to)) return false;
    next_++;
    record_.note_switch(wanted);
    current_ = to;
    if (!to->started) to_start_ = to;
    return true;
}

void Interleaver::offer(const State& from, const std::string& at, unsigned nth, bool forced) {
    if (!complete()) return;
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
    if (event.action != LockAction::refused) return;
    if (State* state = find(roster_.actor_of(event.task)); state != nullptr) state->refused.insert(event.lock);
}

bool Interleaver::turn_is_over() {
    if (record_.crashed() || to_start_ != nullptr) return true;
    const bool goes_on = can_go_on(*current_);
    return stalled_ ? goes_on || next_who_can() != nullptr : !goes_on;
}

Interleaver::State* Interleaver::next_who_can() {
    const auto found =
        std::ranges::find_if(states_, [&](State& state) { return &state != current_ && can_go_on(state); });
    return found == states_.end() ? nullptr : &*found;
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
    stalled_ = other == nullptr;
    if (stalled_) return {};
    const std::string lock = blocked_on(from);
    const std::string at = roster_.finished(*from.actor) ? kFinished
                           : lock.empty()                ? "without a block"
                                                         : "blocked " + lock;
    const unsigned nth = ++from.arrivals[at];
    if (!take(from, at, nth)) {
        current_ = other;
        offer(from, at, nth, true);
        record_.note_switch({from.actor->name, at, nth, other->actor->name, true});
    }
    to_start_ = nullptr;
    return let(*current_);
}

Status Interleaver::play() {
    MEMRIG_CHECK(cast_.arm(WriterTrigger::spin));
    MEMRIG_CHECK(cast_.watch());
    const auto locks = cast_.on_lock([this](const LockEvent& event) { at_lock(event); });
    MEMRIG_CHECK(set_watches());
    const auto begun = steady_clock().now();
    record_.note_order(text_of(spec_.order));
    MEMRIG_ASSERT(!states_.empty(), "a schedule of explore mode has an adder");
    MEMRIG_CHECK(let(states_.front()));
    MEMRIG_CHECK(play_out());
    return cast_.conclude(seconds(steady_clock().now() - begun));
}

Status Interleaver::play_out() {
    auto give_up = Deadline::after(kTurnPatience);
    for (;;) {
        const State* before = current_;
        const std::size_t passed = branches_.points_passed;
        MEMRIG_TRY(
            [[maybe_unused]] const RunEnd end,
            conductor_.run_until([this] { return turn_is_over(); }, Deadline::after(kTurnGlance), cast_.descriptor()));
        if (record_.crashed()) {
            record_.note_end(PlayEnd::crashed);
            return {};
        }
        if (to_start_ != nullptr) MEMRIG_CHECK(let(*std::exchange(to_start_, nullptr)));
        else if (roster_.all_finished()) {
            record_.note_end(PlayEnd::finished);
            return {};
        } else {
            stalled_ = false;
            if (!can_go_on(*current_)) MEMRIG_CHECK(force_switch());
        }
        if (current_ != before || branches_.points_passed != passed) {
            give_up = Deadline::after(kTurnPatience);
            continue;
        }
        // No other actor can go on either: what this one waits for comes by itself, or never.
        if (!ledger_.wait_cycle() && !give_up.expired()) continue;
        MEMRIG_TRY(const bool stuck, cast_.stalls().look_at_stuck());
        if (!stuck && !give_up.expired()) continue;
        record_.note_end(stuck ? PlayEnd::stuck : PlayEnd::expired);
        return {};
    }
}

}  // namespace memrig
