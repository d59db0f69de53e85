#include "play/cast.h"

#include <algorithm>

#include "base/log.h"
#include "play/park.h"
#include "play/while_running.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// How often a guest that seems to do nothing is looked at.
constexpr auto kGlance = 2s;
constexpr unsigned kLooksWithoutLedger = 5;
constexpr auto kCrashPatience = 30s;

// Who sleeps by the clock waits for nobody: an onliner that was refused, or a task that is parked.
bool sleeps_by_the_clock(const BlockedTask& task) {
    return std::ranges::any_of(task.stack, [](const std::string& frame) { return frame.starts_with("msleep+"); });
}

// Whether it sleeps in the very call that returns to `where`. POWER's stacks begin with a frame that has no name, and with the switch.
bool sleeps_at(const BlockedTask& task, const std::string& where) {
    const auto innermost = std::ranges::find_if_not(task.stack, [](const std::string& frame) {
        return frame.starts_with("0x") || frame.starts_with("__switch_to+");
    });
    return innermost != task.stack.end() && innermost->starts_with(where + "/");
}

Result<MemorySnapshot> take_snapshot(Machine& machine, Conductor& conductor) {
    MemorySnapshot snapshot;
    MEMRIG_TRY(snapshot.blocks,
               while_running(conductor, [&] { return machine.agent().blocks(Deadline::after(kAgentPatience)); }));
    MEMRIG_TRY(snapshot.figures,
               while_running(conductor, [&] { return machine.agent().memory(Deadline::after(kAgentPatience)); }));
    MEMRIG_TRY(const std::string iomem, while_running(conductor, [&] {
                   return machine.agent().read_guest_file("/proc/iomem", Deadline::after(kAgentPatience));
               }));
    snapshot.ram = system_ram(iomem);
    const auto nodes = while_running(conductor, [&] {
        return machine.agent().read_guest_file("/sys/devices/system/node/has_memory", Deadline::after(kAgentPatience));
    });
    // A kernel without NUMA has no such file.
    if (nodes) snapshot.nodes = nodes->substr(0, nodes->find('\n'));
    else if (nodes.error().fault != Fault::guest) return std::unexpected(nodes.error());
    MEMRIG_TRY(snapshot.qemu, look_at_qemu(machine.qmp(), Deadline::after(kQmpPatience)));
    return snapshot;
}

}  // namespace

Result<MemorySnapshot> snapshot_before(Machine& machine, Conductor& conductor) {
    const auto hello = while_running(conductor, [&] { return machine.agent().hello(Deadline::after(kAgentPatience)); });
    if (!hello) return std::unexpected(hello.error());
    MEMRIG_TRY(MemorySnapshot snapshot, take_snapshot(machine, conductor));
    MEMRIG_CHECK(conductor.pause());
    return snapshot;
}

Cast::Cast(Machine& machine, Conductor& conductor, LockLedger* ledger, const SymbolTable& symbols, Timeline& timeline,
           CastSpec order)
    : machine_(machine),
      conductor_(conductor),
      ledger_(ledger),
      symbols_(symbols),
      timeline_(timeline),
      order_(std::move(order)) {
    seen.before = order_.before;
}

std::string Cast::actor_of(std::uint64_t task) const {
    for (const auto& [actor, stack] : seen.tasks)
        if (stack == task) return actor;
    return {};
}

bool Cast::may_be_held(const std::string& actor, unsigned vcpu) {
    const auto own = casting_.vcpus.find(actor);
    if (own != casting_.vcpus.end()) return own->second == vcpu;
    return vcpu == casting_.left || std::ranges::none_of(casting_.vcpus, [&](const auto& thread) {
               return thread.second == vcpu && !finished(*order_.schedule.find(thread.first));
           });
}

// --- what the probe watches

Status Cast::watch_crashes() {
    for (const char* function : {"oops_enter", "panic"})
        MEMRIG_CHECK(watch_function(conductor_, symbols_, function,
                                    [this, function](const Arrival& arrival) { return at_crash(function, arrival); }));
    return {};
}

Status Cast::watch() {
    for (const auto& actor : order_.schedule.actors) {
        std::vector<std::string> names = actor.entry;
        if (actor.is_thread() && names.empty()) names = {order_.attributes.at(actor.name) + "_store"};
        for (const auto& name : names) {
            MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, name));
            entries_[actor.name].insert(entries.begin(), entries.end());
        }
        for (const auto entry : entries_[actor.name]) {
            MEMRIG_CHECK(
                conductor_.watch(entry, [this, &actor](const Arrival& arrival) { return at_entry(actor, arrival); }));
            if (!actor.is_thread() || ledger_ == nullptr || !can_park(symbols_)) continue;
            MEMRIG_CHECK(conductor_.watch(
                entry, [this, &actor](const Arrival& arrival) { return at_retry(actor, arrival); }, Priority::park));
        }
    }
    if (ledger_ != nullptr) lock_events_ = ledger_->on_event([this](const LockEvent& event) { at_lock(event); });
    return watch_crashes();
}

Result<bool> Cast::enters(const Actor& actor, const Arrival& arrival) {
    if (!entries_[actor.name].contains(arrival.address)) return false;
    // Others that come this way have their time before or after.
    if (!started_.contains(actor.name) || finished(actor)) return false;
    if (actor.is_thread() && casting_.vcpus.at(actor.name) != arrival.vcpu) return false;
    // The same worker may have done another's work before.
    std::erase_if(seen.tasks, [&](const auto& other) {
        return other.first != actor.name && other.second == arrival.task &&
               finished(*order_.schedule.find(other.first));
    });
    // One worker does what ACPI asks for, one piece after the other: this piece is the first unfinished actor's.
    if (const std::string other = actor_of(arrival.task); !other.empty() && other != actor.name) return false;
    const auto [known, is_new] = seen.tasks.emplace(actor.name, arrival.task);
    // What the virtio-mem driver could not do at once, another worker does later.
    if (!actor.is_thread() && actor.device == MemoryDevice::virtio_mem) known->second = arrival.task;
    return is_new || known->second == arrival.task;
}

Result<Response> Cast::at_entry(const Actor& actor, const Arrival& arrival) {
    MEMRIG_TRY(const bool enters_now, enters(actor, arrival));
    if (!enters_now) return Response::pass();
    timeline_.add(actor.name, "enters", symbols_.describe(arrival.address), arrival.vcpu);
    if (!actor.is_thread()) {
        const auto left = [this, &actor](const Arrival& returned, std::uint64_t value) -> Status {
            // What ACPI calls returns nothing; the virtio-mem driver's calls may fail, and are then made again.
            const bool in_vain = actor.device == MemoryDevice::virtio_mem && static_cast<std::int32_t>(value) != 0;
            timeline_.add(actor.name, "leaves", actor.entry.front(), returned.vcpu);
            if (!in_vain) calls_[actor.name]++;
            return {};
        };
        MEMRIG_CHECK(conductor_.on_return(arrival, left));
    }
    return Response::pass();
}

Result<Response> Cast::at_retry(const Actor& actor, const Arrival& arrival) {
    if (!looked_at_ || actor_of(arrival.task) != actor.name) return Response::pass();
    if (std::ranges::any_of(*looked_at_, [&](const WaitLink& link) { return link.wants.task == arrival.task; }))
        return Response::pass();
    if (!arrival.again)
        timeline_.add(actor.name, "parked", "while the rig looks at a cycle that it is no part of", arrival.vcpu);
    return park(conductor_, symbols_, kParkedNapMs);
}

Result<Response> Cast::at_crash(const std::string& function, const Arrival& arrival) {
    const std::string actor = actor_of(arrival.task);
    seen.crashes.push_back({arrival.at, function, actor, arrival.vcpu});
    timeline_.add(actor, "crash", function, arrival.vcpu);
    return Response::pass();
}

void Cast::at_lock(const LockEvent& event) {
    const std::string actor = actor_of(event.task);
    const std::string name = actor.empty() ? fmt::format("task {:x}", event.task) : actor;
    timeline_.add({event.at, name, "lock",
                   fmt::format("{} {}{} ({})", to_string(event.action), event.lock, event.shared ? " for reading" : "",
                               event.where),
                   event.vcpu});
    if (actor.empty()) return;
    if (lock_listener_) lock_listener_(event);
    if (event.action == LockAction::refused)
        note_evidence(actor, {Observation::Kind::refused, event.lock}, event.vcpu, event.where);
    if (event.action == LockAction::wants)
        note_evidence(actor, {Observation::Kind::blocked, event.lock}, event.vcpu, event.where);
}

void Cast::note_evidence(const std::string& actor, const Observation& evidence, std::optional<unsigned> vcpu,
                         const std::string& where) {
    EvidenceRecord record{actor, evidence, steady_clock().now(), where, {}};
    for (const auto& hold : seen.holds)
        if (!hold.released) record.during.push_back(hold.actor);
    if (evidence.kind != Observation::Kind::blocked) timeline_.add(actor, "evidence", evidence.text(), vcpu);
    seen.evidence.push_back(std::move(record));
}

Status Cast::look_for_sleeper(const Actor& actor) {
    constexpr std::size_t longest_comm = 15;  // TASK_COMM_LEN, without its NUL
    MEMRIG_TRY(const auto tasks, while_running(conductor_, [&] {
                   return machine_.agent().blocked_tasks(Deadline::after(kAgentPatience));
               }));
    MEMRIG_CHECK(conductor_.pause());
    const auto known = seen.tasks.find(actor.name);
    const auto wish =
        ledger_ != nullptr && known != seen.tasks.end() ? ledger_->wanted_by(known->second) : std::nullopt;
    if (!wish) return {};
    const auto asleep = std::ranges::any_of(tasks, [&](const BlockedTask& task) {
        return (!actor.is_thread() || task.comm == actor.name.substr(0, longest_comm)) && sleeps_at(task, wish->where);
    });
    if (asleep) note_evidence(actor.name, {Observation::Kind::asleep, wish->lock}, {}, wish->where);
    return {};
}

// --- how they end

void Cast::collect_writes() {
    seen.writes = machine_.agent().writes();
    for (; writes_taken_ < seen.writes.size(); writes_taken_++) {
        const WriterReport& write = seen.writes[writes_taken_];
        timeline_.add(
            {write.seen, write.writer, "write", fmt::format("memory{}: {}", write.block, errno_name(write.error)), {}});
    }
}

std::size_t Cast::writes_of(const std::string& thread) {
    collect_writes();
    const auto now = std::ranges::subrange(seen.writes).next(static_cast<std::ptrdiff_t>(writes_of_rounds_past_));
    return static_cast<std::size_t>(std::ranges::count(now, thread, &WriterReport::writer));
}

bool Cast::finished(const Actor& actor) {
    if (actor.is_thread()) return started_.contains(actor.name) && writes_of(actor.name) >= asked_[actor.name];
    // Where nobody watches it, its blocks tell: all of them can be onlined.
    return entries_.empty() || (started_.contains(actor.name) && calls_[actor.name] >= wanted_[actor.name]);
}

bool Cast::all_finished() {
    return std::ranges::all_of(order_.schedule.actors, [&](const Actor& actor) { return finished(actor); });
}

Result<RunEnd> Cast::run_until(const std::function<bool()>& done, Deadline deadline) {
    for (;;) {
        MEMRIG_TRY(const RunEnd end,
                   conductor_.run_until(done, Deadline::after(kGlance).earlier(deadline), descriptor()));
        if (end == RunEnd::done || deadline.expired()) return end;
        if (auto gone = machine_.death(Duration::zero())) return std::unexpected(*std::move(gone));
        MEMRIG_CHECK(conductor_.look());
    }
}

Status Cast::settle(Deadline give_up) {
    const auto in_a_cycle = [&] { return ledger_ != nullptr && ledger_->wait_cycle().has_value(); };
    const auto over = [&] { return crashed() || all_finished() || in_a_cycle() || hopeless(); };
    unsigned stills = 0;
    for (;;) {
        // Without a ledger it is the looks that tell, every now and then.
        MEMRIG_TRY(const RunEnd end, run_until(over, ledger_ != nullptr ? give_up : Deadline::after(kGlance)));
        if (crashed()) {
            seen.end = PlayEnd::crashed;
            return {};
        }
        if (end == RunEnd::done && !in_a_cycle()) {
            seen.end = hopeless() ? PlayEnd::expired : PlayEnd::finished;
            return {};
        }
        if (ledger_ != nullptr && !in_a_cycle() && !give_up.expired()) continue;
        MEMRIG_TRY(const bool still, look_at_stuck());
        stills = still ? stills + 1 : 0;
        // Without a ledger only the looks themselves can tell, and two of them may be too near to each other.
        const bool stuck = still && (ledger_ != nullptr || stills >= kLooksWithoutLedger);
        if (!stuck && !give_up.expired()) continue;
        seen.end = stuck ? PlayEnd::stuck : PlayEnd::expired;
        return {};
    }
}

Result<bool> Cast::look_at_stuck() {
    looked_at_ = ledger_ != nullptr ? ledger_->wait_cycle() : std::nullopt;
    const auto still = look_twice();
    looked_at_.reset();
    return still;
}

Result<bool> Cast::look_twice() {
    seen.stuck.clear();
    for (int look = 0; look < 2; look++) {
        StuckSample sample;
        MEMRIG_TRY(sample.blocked, while_running(conductor_, [&] {
                       return machine_.agent().blocked_tasks(Deadline::after(kAgentPatience));
                   }));
        std::erase_if(sample.blocked, sleeps_by_the_clock);
        sample.at = steady_clock().now();
        if (ledger_ != nullptr) {
            sample.cycle = ledger_->wait_cycle();
            sample.lock_events = lock_events_of(sample.cycle);
        }
        timeline_.add(
            "rig", "stuck",
            fmt::format("{} blocked tasks, {}", sample.blocked.size(), sample.cycle ? "a cycle" : "no cycle"));
        seen.stuck.push_back(std::move(sample));
    }
    // The kernel's own list of locks, where it keeps one, goes to the console: further evidence.
    if (ledger_ != nullptr && ledger_->wait_cycle() && !symbols_.all("debug_show_all_locks").empty()) {
        const Status asked =
            while_running(conductor_, [&] { return machine_.agent().sysrq('d', Deadline::after(kAgentPatience)); });
        if (!asked && asked.error().fault != Fault::guest) return std::unexpected(asked.error());
    }
    return shows_standstill(seen.stuck[0], seen.stuck[1]);
}

std::size_t Cast::lock_events_of(const std::optional<WaitCycle>& cycle) const {
    if (!cycle) return ledger_->events().size();
    return static_cast<std::size_t>(std::ranges::count_if(ledger_->events(), [&](const LockEvent& event) {
        return std::ranges::any_of(*cycle, [&](const WaitLink& link) { return link.wants.task == event.task; });
    }));
}

Status Cast::wait_for_crash_output() {
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

Status Cast::snapshot_after() {
    MEMRIG_CHECK(conductor_.let_go());
    MEMRIG_CHECK(remove_left_backends());
    MEMRIG_CHECK(compare_sizes());
    MEMRIG_CHECK(collect_acpi_status());
    MEMRIG_CHECK(hear_unplug_errors());
    MEMRIG_CHECK(collect_console_refusals());
    MEMRIG_TRY(seen.after, take_snapshot(machine_, conductor_));
    MEMRIG_TRY(seen.vcpus_after, look_at_vcpus());
    return {};
}

}  // namespace memrig
