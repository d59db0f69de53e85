#include "play/cast.h"

#include <algorithm>

#include "play/while_running.h"
#include "probe/function_watch.h"
#include "watch/roles.h"

namespace memrig {

Cast::Cast(Machine& machine, Conductor& conductor, LockLedger* ledger, const SymbolTable& symbols, Timeline& timeline,
           CastSpec spec)
    : conductor_(conductor),
      ledger_(ledger),
      symbols_(symbols),
      spec_(std::move(spec)),
      record_(timeline, std::move(spec_.before)),
      roster_(spec_.schedule, machine.agent(), record_),
      context_{machine, conductor, roster_, record_, spec_.block_bytes},
      parking_(conductor, symbols),
      writers_(context_, spec_.attributes),
      actions_(context_, writers_),
      answers_(context_),
      stalls_(context_, ledger, symbols, parking_),
      passages_(conductor, symbols, spec_.observer) {
    if (ledger_ != nullptr && parking_.possible()) stalls_.watch_retries_by([this] { return watch_retries(); });
}

Status Cast::arm(std::optional<WriterTrigger> trigger) {
    MEMRIG_TRY(auto vcpus, look_at_vcpus(context_.machine, conductor_, spec_.schedule));
    record_.note_vcpus_before(vcpus);
    MEMRIG_TRY(Casting casting,
               cast_threads(spec_.schedule, conductor_.probe().vcpus(), spec_.housekeeping, trigger.has_value()));
    roster_.assign(std::move(casting));
    return writers_.arm(trigger);
}

// --- what the probe watches

Status Cast::watch_crashes() {
    for (const char* function : {"oops_enter", "panic"})
        MEMRIG_CHECK(watch_function(conductor_, symbols_, function,
                                    [this, function](const Arrival& arrival) { return at_crash(function, arrival); }));
    return {};
}

Status Cast::watch_entries(const Actor& actor) {
    std::vector<std::string> names = actor.entry;
    if (actor.is_thread() && names.empty()) {
        const std::string attribute = writers_.attribute_of(actor.name);
        names = {player_of(fmt::format("{{store-{}}}", attribute), symbols_).value_or(attribute + "_store")};
    }
    std::set<std::uint64_t> addresses;
    for (const auto& name : names) {
        MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, name));
        addresses.insert(entries.begin(), entries.end());
    }
    roster_.set_entries(actor.name, addresses);
    if (actor.is_thread() && !spec_.follows_threads) {
        for (const auto& name : names) MEMRIG_CHECK(watch_thread(actor, name));
        return {};
    }
    for (const auto entry : addresses)
        MEMRIG_CHECK(
            conductor_.watch(entry, [this, &actor](const Arrival& arrival) { return at_entry(actor, arrival); }));
    return {};
}

// A thread's writes tell how far it has come, so its returns tell nothing more.
Status Cast::watch_thread(const Actor& actor, const std::string& function) {
    return passages_.watch(function, Passages::Needs::task, [this, &actor](const Passage& passage) -> Result<bool> {
        if (roster_.enters(actor, passage))
            record_.note_entry(actor.name, symbols_.describe(passage.function), passage.vcpu);
        return false;
    });
}

Result<std::vector<Conductor::WatchId>> Cast::watch_retries() {
    std::vector<Conductor::WatchId> watches;
    for (const auto& actor : spec_.schedule.actors) {
        if (!actor.is_thread()) continue;
        for (const auto entry : roster_.entries(actor.name)) {
            MEMRIG_TRY(const auto watch,
                       conductor_.watch(
                           entry, [this, &actor](const Arrival& arrival) { return stalls_.at_retry(actor, arrival); },
                           Priority::park));
            watches.push_back(watch);
        }
    }
    return watches;
}

Status Cast::watch() {
    for (const auto& actor : spec_.schedule.actors) MEMRIG_CHECK(watch_entries(actor));
    if (ledger_ != nullptr) lock_events_ = ledger_->on_event([this](const LockEvent& event) { at_lock(event); });
    return watch_crashes();
}

Result<Response> Cast::at_entry(const Actor& actor, const Arrival& arrival) {
    if (!roster_.enters(actor, passage_of(arrival))) return Response::pass();
    record_.note_entry(actor.name, symbols_.describe(arrival.address), arrival.vcpu);
    MEMRIG_CHECK(tell_work(actor, arrival, true));
    if (actor.is_thread() && work_listeners_.empty()) return Response::pass();
    MEMRIG_CHECK(conductor_.on_return(arrival, [this, &actor, arrival](const Arrival& returned, std::uint64_t value) {
        return leaves(actor, arrival, returned, value);
    }));
    return Response::pass();
}

Status Cast::leaves(const Actor& actor, const Arrival& entered, const Arrival& returned, std::uint64_t value) {
    MEMRIG_CHECK(tell_work(actor, entered, false));
    if (actor.is_thread()) return {};  // its writes tell how far it has come
    // What ACPI calls returns nothing. The virtio-mem driver's calls may fail, and are then made again.
    const bool in_vain = actor.device == MemoryDevice::virtio_mem && static_cast<std::int32_t>(value) != 0;
    record_.add_event(actor.name, "leaves", actor.entry.front(), returned.vcpu);
    if (!in_vain) roster_.note_call(actor.name);
    return {};
}

Status Cast::tell_work(const Actor& actor, const Arrival& arrival, bool begins) {
    Status status;
    work_listeners_.for_each(
        [&](const auto& listener) { return (status = listener(actor, arrival, begins)).has_value(); });
    return status;
}

Result<Response> Cast::at_crash(const std::string& function, const Arrival& arrival) {
    record_.note_crash({arrival.at, function, roster_.actor_of(arrival.task), arrival.vcpu});
    return Response::pass();
}

void Cast::at_lock(const LockEvent& event) {
    const std::string actor = roster_.actor_of(event.task);
    record_.note_lock(event, actor, owners_of(*ledger_, record_.performance(), event));
    if (actor.empty()) return;
    lock_listeners_.for_each([&](const auto& listener) {
        listener(event);
        return true;
    });
}

// --- the rounds of a loop: the same devices come and go by the same names

Result<bool> Cast::end_round() {
    MEMRIG_CHECK(conductor_.pause());
    MEMRIG_CHECK(answers_.remove_left_backends());
    MEMRIG_CHECK(answers_.collect_acpi_status());
    MEMRIG_CHECK(answers_.collect_unplug_errors());
    roster_.collect_writes();
    MEMRIG_TRY(const QemuMemory now, look_at_qemu(context_.machine.qmp(), Deadline::after(kQmpPatience)));
    for (const auto& actor : spec_.schedule.actors)
        if (actor.kind == ActorKind::remover && now.devices.contains(actor.device_id))
            record_.note_answer(actor.name, "still plugged");
    return std::ranges::all_of(spec_.schedule.actors, [this](const Actor& actor) {
        const auto& answers = performance().answers;
        const auto answer = answers.find(actor.name);
        return answer == answers.end() || actor.expects_answer(answer->second);
    });
}

Status Cast::begin_round() {
    roster_.begin_round();
    record_.begin_round();
    return writers_.arm_again();
}

Status Cast::leave_footprint(unsigned round) {
    MEMRIG_TRY(Footprint footprint, while_running(conductor_, [&] {
                   return take_footprint(context_.machine.qmp(), context_.agent(), Deadline::after(kAgentPatience));
               }));
    for (const auto& [adder, blocks] : performance().plugged)
        footprint.facts["the blocks of " + adder] = fmt::format("memory{} to memory{}", blocks.first, blocks.last);
    footprint.round = round;
    record_.note_footprint(std::move(footprint));
    return conductor_.pause();
}

Status Cast::check(std::size_t step) {
    MEMRIG_CHECK(answers_.remove_left_backends());
    MemoryCheck check;
    check.step = step;
    MEMRIG_TRY(check.memory, take_snapshot(context_.machine, conductor_));
    roster_.collect_writes();
    record_.note_check(std::move(check));
    return conductor_.pause();
}

// --- how it ends

Status Cast::conclude(double seconds) {
    record_.note_duration(seconds);
    roster_.collect_writes();
    if (performance().end == PlayEnd::crashed) return stalls_.wait_for_crash_output();
    return performance().end == PlayEnd::finished ? snapshot_after() : Status();
}

Status Cast::snapshot_after() {
    MEMRIG_CHECK(conductor_.let_go());
    MEMRIG_CHECK(answers_.remove_left_backends());
    MEMRIG_CHECK(answers_.compare_sizes());
    MEMRIG_CHECK(answers_.collect_acpi_status());
    MEMRIG_CHECK(answers_.collect_unplug_errors());
    MEMRIG_CHECK(answers_.collect_console_refusals());
    MEMRIG_TRY(MemorySnapshot snapshot, take_snapshot(context_.machine, conductor_));
    MEMRIG_TRY(const auto vcpus, look_at_vcpus(context_.machine, conductor_, spec_.schedule));
    record_.note_after(std::move(snapshot), vcpus);
    return {};
}

}  // namespace memrig
