#include "schedule/director.h"

#include <algorithm>

#include "base/log.h"
#include "probe/elision.h"
#include "probe/kernel_objects.h"
#include "schedule/while_running.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// How long a step waits for what it is to see. It makes no verdict: an expired step is inconclusive.
constexpr auto kStepPatience = 120s;
constexpr auto kAgentPatience = 60s;
constexpr auto kQmpPatience = 60s;
// How often a guest that seems to do nothing is looked at.
constexpr auto kGlance = 2s;
constexpr auto kCrashPatience = 30s;

Result<MemorySnapshot> take_snapshot(Machine& machine, Conductor& conductor) {
    MemorySnapshot snapshot;
    MEMRIG_TRY(snapshot.blocks,
               while_running(conductor, [&] { return machine.agent().blocks(Deadline::after(kAgentPatience)); }));
    MEMRIG_TRY(snapshot.figures,
               while_running(conductor, [&] { return machine.agent().memory(Deadline::after(kAgentPatience)); }));
    return snapshot;
}

}  // namespace

Result<MemorySnapshot> look_before(Machine& machine, Conductor& conductor) {
    const auto hello = while_running(conductor, [&] { return machine.agent().hello(Deadline::after(kAgentPatience)); });
    if (!hello) return std::unexpected(hello.error());
    MEMRIG_TRY(MemorySnapshot snapshot, take_snapshot(machine, conductor));
    MEMRIG_CHECK(conductor.pause());
    return snapshot;
}

Director::Director(Machine& machine, Conductor& conductor, LockLedger& ledger, const SymbolTable& symbols,
                   Timeline& timeline, DirectorOrder order)
    : machine_(machine),
      conductor_(conductor),
      ledger_(ledger),
      symbols_(symbols),
      timeline_(timeline),
      order_(std::move(order)) {}

Result<Performance> Director::play() {
    seen_.before = order_.before;
    MEMRIG_CHECK(arm_onliners());
    MEMRIG_CHECK(set_watches());
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(play_steps());
    seen_.schedule_seconds = seconds(steady_clock().now() - begun);
    collect_writes();
    if (seen_.end == PlayEnd::crashed) MEMRIG_CHECK(see_crash_out());
    if (seen_.end == PlayEnd::finished) MEMRIG_CHECK(take_after());
    return std::move(seen_);
}

std::string Director::actor_of(std::uint64_t task) const {
    for (const auto& [actor, stack] : seen_.tasks)
        if (stack == task) return actor;
    return {};
}

// --- what the probe watches

Status Director::watch_function(const std::string& function, Conductor::Handler handler) {
    MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, function));
    for (const auto entry : entries) MEMRIG_CHECK(conductor_.watch(entry, handler));
    return {};
}

Status Director::set_watches() {
    for (const auto& actor : order_.schedule.actors) {
        std::vector<std::string> entries = actor.entry;
        if (actor.kind == ActorKind::onliner && entries.empty())
            entries = {order_.attributes.at(actor.name) + "_store"};
        for (const auto& entry : entries)
            MEMRIG_CHECK(
                watch_function(entry, [this, &actor](const Arrival& arrival) { return at_entry(actor, arrival); }));
    }
    for (const auto& step : order_.schedule.steps) {
        if (step.kind == StepKind::hold)
            MEMRIG_CHECK(
                watch_function(step.at, [this, &step](const Arrival& arrival) { return at_hold(step, arrival); }));
        for (const auto& evidence : step.any) {
            if (evidence.kind != Evidence::Kind::entered) continue;
            const Actor* actor = order_.schedule.find(step.actor);
            MEMRIG_CHECK(watch_function(evidence.subject, [this, actor, &evidence](const Arrival& arrival) {
                return at_evidence(*actor, evidence, arrival);
            }));
        }
    }
    for (const char* function : {"oops_enter", "panic"})
        MEMRIG_CHECK(
            watch_function(function, [this, function](const Arrival& arrival) { return at_crash(function, arrival); }));
    ledger_.on_event([this](const LockEvent& event) { at_lock(event); });
    return {};
}

Result<Response> Director::at_entry(const Actor& actor, const Arrival& arrival) {
    if (actor.kind == ActorKind::onliner) {
        const auto armed = onliners_.find(actor.name);
        if (armed == onliners_.end() || armed->second.vcpu != arrival.vcpu) return Response::pass();
    }
    const auto [known, is_new] = seen_.tasks.emplace(actor.name, arrival.task);
    if (!is_new && known->second != arrival.task) return Response::pass();
    timeline_.add(actor.name, "enters", symbols_.describe(arrival.address), arrival.vcpu);
    if (actor.kind == ActorKind::plugger) {
        MEMRIG_CHECK(conductor_.on_return(arrival, [this, &actor](const Arrival& returned, std::uint64_t) -> Status {
            timeline_.add(actor.name, "leaves", actor.entry.front(), returned.vcpu);
            finished_pluggers_.insert(actor.name);
            return {};
        }));
    }
    return Response::pass();
}

Result<Response> Director::at_hold(const Step& step, const Arrival& arrival) {
    const auto armed = armed_.find(step.actor);
    if (armed == armed_.end() || armed->second.step != &step || armed->second.reached) return Response::pass();
    if (actor_of(arrival.task) != step.actor || arrival.vcpu < order_.housekeeping) return Response::pass();
    // Holding the vCPU of an onliner would hold that, too. There may be a next time.
    if (std::ranges::any_of(onliners_, [&](const auto& onliner) { return onliner.second.vcpu == arrival.vcpu; }))
        return Response::pass();
    std::optional<std::uint64_t> block;
    if (step.memory_block) {
        MEMRIG_TRY(block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
        if (!block) return Response::pass();
    }
    armed->second.reached = true;
    seen_.holds.push_back({step.actor, step.at, arrival.vcpu, block, arrival.at, {}});
    timeline_.add(step.actor, "held", block ? fmt::format("{} of memory{}", step.at, *block) : step.at, arrival.vcpu);
    return Response::hold();
}

Result<Response> Director::at_evidence(const Actor& actor, const Evidence& evidence, const Arrival& arrival) {
    if (actor_of(arrival.task) == actor.name)
        note_evidence(actor.name, evidence, arrival.vcpu, symbols_.describe(arrival.address));
    return Response::pass();
}

Result<Response> Director::at_crash(const std::string& function, const Arrival& arrival) {
    const std::string actor = actor_of(arrival.task);
    seen_.crashes.push_back({arrival.at, function, actor, arrival.vcpu});
    timeline_.add(actor, "crash", function, arrival.vcpu);
    return Response::pass();
}

void Director::at_lock(const LockEvent& event) {
    const std::string actor = actor_of(event.task);
    const std::string name = actor.empty() ? fmt::format("task {:x}", event.task) : actor;
    timeline_.add({event.at, name, "lock",
                   fmt::format("{} {}{} ({})", to_string(event.action), event.lock, event.shared ? " for reading" : "",
                               event.where),
                   event.vcpu});
    if (actor.empty()) return;
    if (event.action == LockAction::refused)
        note_evidence(actor, {Evidence::Kind::refused, event.lock}, event.vcpu, event.where);
    if (event.action == LockAction::wants)
        note_evidence(actor, {Evidence::Kind::blocked, event.lock}, event.vcpu, event.where);
}

void Director::note_evidence(const std::string& actor, const Evidence& evidence, unsigned vcpu,
                             const std::string& where) {
    EvidenceRecord record{actor, evidence, steady_clock().now(), where, {}};
    for (const auto& hold : seen_.holds)
        if (!hold.released) record.during.push_back(hold.actor);
    if (evidence.kind != Evidence::Kind::blocked) timeline_.add(actor, "evidence", evidence.text(), vcpu);
    seen_.evidence.push_back(std::move(record));
}

// --- the steps

Status Director::play_steps() {
    for (const auto& step : order_.schedule.steps) {
        timeline_.add("rig", "step", step.text());
        seen_.step = step.text();
        MEMRIG_TRY(const bool on, play_step(step));
        if (!on) return {};
    }
    seen_.end = PlayEnd::finished;
    return {};
}

void Director::arm_next_hold(const Step& done) {
    const auto& steps = order_.schedule.steps;
    for (std::size_t i = static_cast<std::size_t>(&done - steps.data()) + 1; i < steps.size(); i++) {
        if (steps[i].actor != done.actor) continue;
        if (steps[i].kind == StepKind::hold) armed_[done.actor] = {&steps[i]};
        return;
    }
}

bool Director::seen_since_hold(const Step& step) const {
    const SteadyTime since = seen_.holds.empty() ? SteadyTime::min() : seen_.holds.back().placed;
    return std::ranges::any_of(seen_.evidence, [&](const EvidenceRecord& record) {
        return record.actor == step.actor && record.at >= since &&
               std::ranges::any_of(step.any, [&](const Evidence& wanted) {
                   return record.evidence.kind == wanted.kind && record.evidence.subject == wanted.subject;
               });
    });
}

Result<bool> Director::play_step(const Step& step) {
    const auto crashed = [&] { return !seen_.crashes.empty(); };
    RunEnd end = RunEnd::done;
    switch (step.kind) {
        case StepKind::start:
            arm_next_hold(step);
            MEMRIG_CHECK(start(*order_.schedule.find(step.actor)));
            break;
        case StepKind::hold: {
            const auto held = [&] { return crashed() || armed_.at(step.actor).reached; };
            MEMRIG_TRY(end, conductor_.run_until(held, Deadline::after(kStepPatience)));
            break;
        }
        case StepKind::await: {
            const auto seen = [&] { return crashed() || seen_since_hold(step); };
            MEMRIG_TRY(end, conductor_.run_until(seen, Deadline::after(kStepPatience)));
            break;
        }
        case StepKind::release:
            for (auto& hold : seen_.holds) {
                if (hold.actor != step.actor || hold.released) continue;
                hold.released = steady_clock().now();
                conductor_.release(hold.vcpu);
            }
            arm_next_hold(step);
            break;
        case StepKind::settle: return settle();
    }
    if (crashed()) seen_.end = PlayEnd::crashed;
    else if (end == RunEnd::expired) seen_.end = PlayEnd::expired;
    else return true;
    return false;
}

Status Director::start(const Actor& actor) {
    if (actor.kind == ActorKind::onliner) return ring(actor);
    // The device appears at one instant of the guest's time: while it stands still.
    MEMRIG_CHECK(conductor_.pause());
    MEMRIG_TRY(seen_.blocks, plug_dimm(machine_.qmp(), DimmOrder{"dimm0", actor.bytes, actor.node}, order_.block_bytes,
                                       Deadline::after(kQmpPatience)));
    timeline_.add(actor.name, "qmp",
                  fmt::format("device_add pc-dimm: memory{} to memory{}", seen_.blocks.first, seen_.blocks.last));
    return {};
}

// While every vCPU still runs: each onliner on a vCPU of its own, from the last one down, spinning until it is rung.
Status Director::arm_onliners() {
    constexpr std::uint64_t most_blocks = 4096;
    unsigned vcpu = conductor_.probe().vcpus();
    for (const auto& actor : order_.schedule.actors) {
        if (actor.kind != ActorKind::onliner) continue;
        if (--vcpu <= order_.housekeeping)
            return fail(Fault::user_input, "the bench has no vCPU left for actor {}", actor.name);
        OnlinerOrder order;
        order.name = actor.name;
        order.cpu = vcpu;
        order.first_block = 0;
        order.last_block = most_blocks - 1;
        order.attribute = order_.attributes.at(actor.name);
        order.value = !actor.value.empty() ? actor.value : order.attribute == "online" ? "1" : "online";
        order.trigger = actor.trigger;
        MEMRIG_TRY(const Doorbell doorbell, while_running(conductor_, [&] {
                       return machine_.agent().arm_onliner(order, Deadline::after(kAgentPatience));
                   }));
        onliners_[actor.name] = {vcpu, doorbell};
        timeline_.add(actor.name, "armed", fmt::format("to write {} to {}", order.value, order.attribute), vcpu);
    }
    return conductor_.pause();
}

Status Director::ring(const Actor& actor) {
    const auto& [vcpu, doorbell] = onliners_.at(actor.name);
    const auto give_up = Deadline::after(kStepPatience);
    const auto never = [] { return false; };
    for (;;) {
        MEMRIG_CHECK(conductor_.pause());
        // Its address space is the vCPU's while it spins there; else it was interrupted by another task, and comes back.
        const auto magic = conductor_.probe().read_u64(vcpu, doorbell.address);
        if (magic && *magic == Doorbell::magic) break;
        if (!magic && magic.error().fault != Fault::guest) return std::unexpected(magic.error());
        if (give_up.expired()) return fail(Fault::guest, "{} does not wait for its doorbell", actor.name);
        MEMRIG_TRY([[maybe_unused]] const RunEnd end, conductor_.run_until(never, Deadline::after(1ms)));
    }
    std::string words;
    for (const std::uint64_t word : {seen_.blocks.first, seen_.blocks.last, std::uint64_t{1}})
        for (unsigned i = 0; i < 8; i++) words += static_cast<char>(word >> (8 * i));
    MEMRIG_CHECK(conductor_.probe().write_memory(vcpu, doorbell.address + 8, words));
    timeline_.add(actor.name, "rung", fmt::format("memory{} to memory{}", seen_.blocks.first, seen_.blocks.last), vcpu);
    return {};
}

void Director::collect_writes() {
    seen_.writes = machine_.agent().writes();
    for (; writes_taken_ < seen_.writes.size(); writes_taken_++) {
        const OnlinerWrite& write = seen_.writes[writes_taken_];
        timeline_.add(
            {write.seen,
             write.onliner,
             "write",
             fmt::format("memory{}: {}", write.block, write.error == 0 ? "done" : fmt::format("errno {}", write.error)),
             {}});
    }
}

bool Director::all_finished() {
    collect_writes();
    return std::ranges::all_of(order_.schedule.actors, [&](const Actor& actor) {
        if (actor.kind == ActorKind::plugger) return finished_pluggers_.contains(actor.name);
        const auto own = std::ranges::count(seen_.writes, actor.name, &OnlinerWrite::onliner);
        return static_cast<std::uint64_t>(own) >= seen_.blocks.count();
    });
}

Result<bool> Director::settle() {
    const auto give_up = Deadline::after(kStepPatience);
    const auto over = [&] { return !seen_.crashes.empty() || all_finished() || ledger_.wait_cycle().has_value(); };
    for (;;) {
        MEMRIG_TRY(const RunEnd end,
                   conductor_.run_until(over, Deadline::after(kGlance), machine_.agent().descriptor()));
        if (!seen_.crashes.empty()) {
            seen_.end = PlayEnd::crashed;
            return false;
        }
        if (end == RunEnd::done && !ledger_.wait_cycle()) return true;
        if (!ledger_.wait_cycle() && !give_up.expired()) continue;
        MEMRIG_TRY(const bool stuck, look_at_stuck());
        if (!stuck && !give_up.expired()) continue;
        seen_.end = stuck ? PlayEnd::stuck : PlayEnd::expired;
        return false;
    }
}

// Two looks, with the guest running in between. True if neither shows any progress over the other.
Result<bool> Director::look_at_stuck() {
    seen_.stuck.clear();
    for (int look = 0; look < 2; look++) {
        StuckSample sample;
        MEMRIG_TRY(sample.blocked, while_running(conductor_, [&] {
                       return machine_.agent().blocked_tasks(Deadline::after(kAgentPatience));
                   }));
        sample.at = steady_clock().now();
        sample.cycle = ledger_.wait_cycle();
        sample.lock_events = ledger_.events().size();
        timeline_.add(
            "rig", "stuck",
            fmt::format("{} blocked tasks, {}", sample.blocked.size(), sample.cycle ? "a cycle" : "no cycle"));
        seen_.stuck.push_back(std::move(sample));
    }
    const auto same = [](const BlockedTask& a, const BlockedTask& b) { return a.tid == b.tid && a.stack == b.stack; };
    return !seen_.stuck[0].blocked.empty() && seen_.stuck[0].lock_events == seen_.stuck[1].lock_events &&
           std::ranges::equal(seen_.stuck[0].blocked, seen_.stuck[1].blocked, same);
}

// Lets the kernel print its last words; they are evidence.
Status Director::see_crash_out() {
    MEMRIG_CHECK(conductor_.unwatch_all());
    const auto printed = [&] {
        const std::string text = machine_.console().text();
        return text.find("---[ end ") != std::string::npos;
    };
    const auto give_up = Deadline::after(kCrashPatience);
    while (!printed() && !give_up.expired()) {
        const auto end = conductor_.run_until(printed, Deadline::after(20ms));
        // A panic ends QEMU: that is no fault of the rig's.
        if (!end) return end.error().fault == Fault::interrupted ? Status(std::unexpected(end.error())) : Status();
    }
    return {};
}

Status Director::take_after() {
    MEMRIG_CHECK(conductor_.let_go());
    MEMRIG_TRY(seen_.after, take_snapshot(machine_, conductor_));
    return {};
}

}  // namespace memrig
