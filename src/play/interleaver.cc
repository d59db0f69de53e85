#include "play/interleaver.h"

#include <algorithm>
#include <ranges>

#include "base/log.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// How long an actor may go on without coming to a point, being blocked or finishing. It makes no verdict.
constexpr auto kTurnPatience = 120s;
constexpr auto kTurnGlance = 500ms;
constexpr std::uint64_t kParkedMs = 2;

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
                         Timeline& timeline, InterleaverSpec order)
    : cast_(cast),
      conductor_(conductor),
      ledger_(ledger),
      symbols_(symbols),
      timeline_(timeline),
      order_(std::move(order)) {
    for (const ActorKind kind : {ActorKind::adder, ActorKind::onliner})
        for (const auto& actor : order_.schedule.actors)
            if (actor.kind == kind) states_.push_back({&actor, false, {}, {}});
}

Interleaver::State* Interleaver::find(const std::string& actor) {
    const auto found = std::ranges::find_if(states_, [&](const State& state) { return state.actor->name == actor; });
    return found == states_.end() ? nullptr : &*found;
}

// --- what the probe watches

Status Interleaver::set_watches() {
    const auto msleep = symbols_.unique("msleep");
    if (!msleep) return fail(Fault::guest, "this kernel has no symbol msleep");
    MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, "msleep"));
    msleep_ = entries.front();
    // Before the point at the same place: there, the block can be seen already.
    MEMRIG_CHECK(watch_function(
        conductor_, symbols_, "kobject_uevent", [this](const Arrival& arrival) { return at_device_shown(arrival); },
        Priority::park));
    // An actor's beginning is a point of its own. Where actors share an entry, the last one of the schedule claims a task first.
    for (auto& state : std::views::reverse(states_)) {
        const auto at_entry = [this, &state](const Arrival& arrival) -> Result<Response> {
            MEMRIG_TRY(const bool enters, cast_.enters(*state.actor, arrival));
            if (!enters) return Response::pass();
            return at_point(std::string(symbols_.function(arrival.address)), arrival);
        };
        for (const auto address : cast_.entries(*state.actor))
            MEMRIG_CHECK(conductor_.watch(address, at_entry, Priority::park));
    }
    for (const auto& point : order_.points) {
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

// device_add() has made the block's attributes by the time it sends its uevent (drivers/base/core.c). A device's first member is its
// kobject.
Result<Response> Interleaver::at_device_shown(const Arrival& arrival) {
    MEMRIG_TRY(const auto block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
    if (block &&
        std::ranges::any_of(cast_.seen.plugged, [&](const auto& device) { return device.second.contains(*block); }))
        shown_blocks_.insert(*block);
    return Response::pass();
}

Result<Response> Interleaver::at_point(const std::string& point, const Arrival& arrival) {
    State* state = find(cast_.actor_of(arrival.task));
    if (state == nullptr) return Response::pass();
    const Response park = Response::call(msleep_, kParkedMs);
    if (arrival.again) return state == current_ ? Response::pass() : park;
    if (state != current_) return park;  // it was blocked, or has polled, and is free now
    branches_.points_passed++;
    const unsigned nth = ++state->arrivals[point];
    timeline_.add(state->actor->name, "passes", fmt::format("{} ({})", point, nth), arrival.vcpu);
    if (!take(*state, point, nth)) {
        offer(*state, point, nth, false);
        return Response::pass();
    }
    return park;
}

// --- whose turn it is

std::string Interleaver::blocked_on(State& state) {
    const auto task = cast_.seen.tasks.find(state.actor->name);
    if (task == cast_.seen.tasks.end()) return {};
    const auto another_holds = [&](const std::string& lock) {
        return std::ranges::any_of(cast_.seen.tasks, [&](const auto& other) {
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
    if (cast_.finished(*state.actor)) return false;
    if (state.actor->kind == ActorKind::onliner && shown_blocks_.size() <= cast_.writes_of(state.actor->name))
        return false;  // no block to online yet
    return blocked_on(state).empty();
}

bool Interleaver::take(const State& from, const std::string& at, unsigned nth) {
    if (complete()) return false;
    const Switch& wanted = order_.order[next_];
    if (wanted.actor != from.actor->name || wanted.at != at || wanted.nth != nth) return false;
    State* to = find(wanted.to);
    // One that is blocked now was not when this order branched off: the guest went another way.
    if (to == nullptr || !can_go_on(*to)) return false;
    next_++;
    timeline_.add("rig", "switch", wanted.text());
    logger(LogLayer::play).info("switch: {}", wanted.text());
    current_ = to;
    if (!to->started) to_start_ = to;
    return true;
}

void Interleaver::offer(const State& from, const std::string& at, unsigned nth, bool forced) {
    if (!complete()) return;
    if (!forced && preemptions(order_.order) >= order_.preemptions) return;
    for (auto& other : states_) {
        if (&other == &from || (forced && &other == current_)) continue;
        if (cast_.finished(*other.actor)) continue;
        if (!can_go_on(other)) {
            branches_.infeasible++;
            continue;
        }
        Interleaving branch = order_.order;
        branch.push_back({from.actor->name, at, nth, other.actor->name, forced});
        branches_.orders.push_back(std::move(branch));
    }
}

void Interleaver::at_lock(const LockEvent& event) {
    if (event.action != LockAction::refused) return;
    if (State* state = find(cast_.actor_of(event.task)); state != nullptr) state->refused.insert(event.lock);
}

bool Interleaver::turn_is_over() {
    if (cast_.crashed() || to_start_ != nullptr) return true;
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
    return cast_.start(*to.actor);
}

// The current actor is blocked, has finished or has nothing to do: another's turn, if there is one who can.
Status Interleaver::force_switch() {
    State& from = *current_;
    State* other = next_who_can();
    stalled_ = other == nullptr;
    if (stalled_) return {};
    const std::string lock = blocked_on(from);
    const std::string at = cast_.finished(*from.actor) ? kFinished
                           : lock.empty()              ? "without a block"
                                                       : "blocked " + lock;
    const unsigned nth = ++from.arrivals[at];
    if (!take(from, at, nth)) {
        current_ = other;
        offer(from, at, nth, true);
        const Switch taken{from.actor->name, at, nth, other->actor->name, true};
        timeline_.add("rig", "switch", taken.text());
        logger(LogLayer::play).info("switch: {}", taken.text());
    }
    to_start_ = nullptr;
    return let(*current_);
}

Status Interleaver::play() {
    Performance& seen = cast_.seen;
    MEMRIG_CHECK(cast_.arm(WriterTrigger::spin));
    MEMRIG_CHECK(cast_.watch());
    cast_.on_lock([this](const LockEvent& event) { at_lock(event); });
    MEMRIG_CHECK(set_watches());
    const auto begun = steady_clock().now();
    seen.step = text_of(order_.order);
    MEMRIG_CHECK(let(states_.front()));
    MEMRIG_CHECK(play_out());
    seen.schedule_seconds = seconds(steady_clock().now() - begun);
    cast_.collect_writes();
    if (seen.end == PlayEnd::crashed) return cast_.wait_for_crash_output();
    return seen.end == PlayEnd::finished ? cast_.snapshot_after() : Status();
}

Status Interleaver::play_out() {
    auto give_up = Deadline::after(kTurnPatience);
    for (;;) {
        const State* before = current_;
        const std::size_t passed = branches_.points_passed;
        MEMRIG_TRY(
            [[maybe_unused]] const RunEnd end,
            conductor_.run_until([this] { return turn_is_over(); }, Deadline::after(kTurnGlance), cast_.descriptor()));
        if (cast_.crashed()) {
            cast_.seen.end = PlayEnd::crashed;
            return {};
        }
        if (to_start_ != nullptr) MEMRIG_CHECK(let(*std::exchange(to_start_, nullptr)));
        else if (cast_.all_finished()) {
            cast_.seen.end = PlayEnd::finished;
            return {};
        } else {
            stalled_ = false;
            if (!can_go_on(*current_)) MEMRIG_CHECK(force_switch());
        }
        if (current_ != before || branches_.points_passed != passed) {
            give_up = Deadline::after(kTurnPatience);
            continue;
        }
        // Nobody else can go on either: what it waits for has to come by itself, or never.
        if (!ledger_.wait_cycle() && !give_up.expired()) continue;
        MEMRIG_TRY(const bool stuck, cast_.look_at_stuck());
        if (!stuck && !give_up.expired()) continue;
        cast_.seen.end = stuck ? PlayEnd::stuck : PlayEnd::expired;
        return {};
    }
}

}  // namespace memrig
