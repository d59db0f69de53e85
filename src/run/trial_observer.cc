#include "run/trial_observer.h"

#include <algorithm>

#include "machine/observer_plugin.h"
#include "oracle/lock_order.h"
#include "play/dwell.h"
#include "play/held_waits.h"
#include "probe/function_watch.h"
#include "run/arm_changes.h"
#include "run/trial.h"
#include "watch/lock_names.h"
#include "watch/notifier_chain.h"
#include "watch/notifiers.h"
#include "watch/roles.h"
#include "watch/rules.h"

namespace memrig {

namespace {
constexpr auto kMonitorPatience = std::chrono::minutes(1);
}  // namespace

const char* to_string(Observing observing) {
    switch (observing) {
        case Observing::stops: return "stops";
        case Observing::plugin: return "plugin";
        case Observing::both: return "both";
    }
    return "?";
}

std::optional<Observing> parse_observing(std::string_view name) {
    const auto way = std::ranges::find_if(kWaysToObserve, [&](Observing one) { return name == to_string(one); });
    return way == kWaysToObserve.end() ? std::nullopt : std::optional(*way);
}

// Writes to an owner field show who takes a mutex only where the guest has shown where a mutex has its owner.
Result<std::unique_ptr<LockLedger>> make_trial_ledger(Machine& machine, Conductor& conductor,
                                                      const SymbolTable& symbols, const Armament& armament, bool whole,
                                                      LockObserver* observer) {
    if (observer != nullptr)
        return LockLedger::make(conductor, symbols, *observer, {armament.device_lock_offset, armament.devices});
    const bool by_writes =
        machine.accelerator() == Accelerator::tcg && conductor.probe().architecture().watched_writes_pass;
    const auto watching = by_writes && armament.owner_offset ? MutexWatching::writes : MutexWatching::calls;
    return LockLedger::make(conductor, symbols, watching, whole ? LedgerExtent::all : LedgerExtent::attempts,
                            armament.owner_offset.value_or(0));
}

// In free mode nothing but the mutation itself may slow the actors. A loop frees the devices whose locks the ledger
// would watch, and is judged by what it leaves behind.
bool keeps_ledger(const TrialSpec& order) {
    return order.manner.mode != Mode::free && !order.scenario.schedule.is_loop();
}

bool wants_observer(const TrialSpec& order) {
    if (order.manner.observe == Observing::both) return true;
    return order.manner.observe == Observing::plugin && order.manner.ledger && keeps_ledger(order);
}

std::string no_observer_for(const Armament& armament) {
    if (armament.owner_offset.value_or(0) == 0) return {};
    return "the observer knows no mutex whose owner is not its first word, as with PREEMPT_RT";
}

Status TrialObserver::begin() {
    unobserved_ = no_observer_for(armament_);
    ObserverChannel* const channel = machine_.observer();
    if (!unobserved_.empty() || channel == nullptr) return {};  // LiveGuest::unobserved says why
    MEMRIG_TRY(const auto others, calls());
    auto made = LockObserver::make(
        conductor_, symbols_, *channel,
        [this](std::uint64_t address, std::uint64_t size) {
            return host_address_of(machine_.qmp(), conductor_.probe().vcpus(), address, size,
                                   Deadline::after(kMonitorPatience));
        },
        others);
    if (made) {
        observer_ = *std::move(made);
        draw_graph();
    } else if (made.error().fault == Fault::guest) unobserved_ = made.error().message;
    else return std::unexpected(made.error());
    return {};
}

// mem_hotplug_lock and cpu_hotplug_lock are per-CPU rwsems: the graph cannot see their calls.
void TrialObserver::draw_graph() {
    LockGraph& graph = graph_.emplace(symbols_);
    lock_calls_ = observer_->on_lock_call([&graph](const SeenLockCall& call) { graph.follow(call); });
    lock_events_ = observer_->on_event([&graph](const LockEvent& event) {
        if (event.lock == locks::mem_hotplug || event.lock == locks::cpu_hotplug) graph.follow(event);
    });
    lock_names_ =
        observer_->on_name([&graph](std::uint64_t address, const std::string& name) { graph.name(address, name); });
}

std::optional<LockGraphFacts> TrialObserver::lock_graph() const {
    if (!graph_) return std::nullopt;
    auto facts = graph_->facts();
    return facts.calls == 0 ? std::nullopt : std::optional(std::move(facts));
}

// The finding names them. Once the watches are gone, the guest runs, or has ended.
Status TrialObserver::learn_tasks_of_cycles() {
    const auto graph = lock_graph();
    if (!graph || conductor_.probe().running()) return {};
    for (const auto& cycle : lock_cycles(graph->edges).cycles)
        for (const auto& edge : cycle.edges)
            if (cycle.gates.empty()) MEMRIG_CHECK(observer_->learn_owner(edge.task));
    return {};
}

LockObserver* TrialObserver::eyes() {
    if (!observer_ || !unobserved_.empty()) return nullptr;
    if (!observer_->gaps().empty()) unobserved_ = observer_->gaps().front();
    else if (!armament_.owner_offset) unobserved_ = "the guest has not shown where a mutex has its owner";
    else if (symbols_.all("mem_hotplug_begin").empty())
        unobserved_ = "mem_hotplug_begin has no symbol: nothing else shows who takes mem_hotplug_lock";
    return unobserved_.empty() ? observer_.get() : nullptr;
}

Result<std::map<std::uint64_t, ObservedCall>> TrialObserver::calls() {
    std::map<std::uint64_t, ObservedCall> calls;
    const auto add = [&](std::uint64_t entry, const ObservedCall& call) {
        ObservedCall& all = calls[entry];
        all = {all.whole || call.whole, std::max(all.pointer, call.pointer), std::max(all.lock, call.lock)};
    };
    if (const auto chain = symbols_.unique("memory_chain")) {
        MEMRIG_TRY(const auto members, NotifierChain::members_of(conductor_.probe(), symbols_, *chain, 0));
        for (const auto& member : members) add(member.function, {});
    }
    std::map<std::string, ObservedCall> lock_functions;
    for (const auto& [name, call] : lock_calls()) lock_functions[name] = {.whole = true, .lock = call};
    const std::set<std::string> changed = functions_changed_by(arm_);
    for (const auto& some : {RuleWatch::calls(), NotifierWatch::calls(), LockLedger::calls(), HeldWaits::calls(),
                             Dwell::calls(), lock_functions})
        for (const auto& [name, call] : some) {
            const auto function = player_of(name, symbols_);
            if (!function || changed.contains(name) || changed.contains(*function)) continue;
            MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, *function));
            for (const auto entry : entries) add(entry, call);
        }
    return calls;
}

Status TrialObserver::begin_comparison(LockLedger* ledger) {
    if (!observer_) return {};
    if (ledger == nullptr) {
        if (unobserved_.empty()) unobserved_ = "a trial without a lock ledger has no use for the observer";
        return {};
    }
    ledger_ = ledger;
    mutexes_ = ledger->on_mutex(
        [this](std::uint64_t address, const std::string& name) { return observer_->watch_mutex(address, name); });
    MEMRIG_CHECK(conductor_.look());
    observer_->forget();
    return {};
}

void TrialObserver::compare_sections(std::uint64_t sections) {
    const std::set<std::string> changed = functions_changed_by(arm_);
    for (const char* function : {"mem_hotplug_begin", "percpu_down_write"})
        if (changed.contains(function)) return;
    const auto takes = std::ranges::count_if(observer_->events(), [](const LockEvent& event) {
        return event.lock == locks::mem_hotplug && event.action == LockAction::takes && !event.shared;
    });
    if (static_cast<std::uint64_t>(takes) < sections)
        doubts_.push_back(
            fmt::format("the observer does not see all: mem_hotplug_begin() returned {} times, and {} was "
                        "taken {} times as the observer saw it",
                        sections, locks::mem_hotplug, takes));
}

Status TrialObserver::finish(TrialResult& result, std::uint64_t sections) {
    if (!unobserved_.empty()) result.unobserved = unobserved_;
    if (!observer_ || !unobserved_.empty()) return {};
    // QEMU may have ended since the watches were removed, after a panic.
    if (!observer_->has_ended()) MEMRIG_CHECK(conductor_.look());
    for (const auto& fault : observer_->faults()) doubts_.push_back("the observer does not see all: " + fault);
    result.observed = observer_->events().size();
    compare_sections(sections);
    MEMRIG_CHECK(learn_tasks_of_cycles());
    if (ledger_ == nullptr) return {};
    std::vector<LockEvent> ledger;
    for (const LockEvent& event : ledger_->events())
        if (observer_->watches(event.lock)) ledger.push_back(event);
    std::size_t compared = 0;
    for (const auto& difference : observer_disagreements(ledger, observer_->events(), compared))
        doubts_.push_back("the observer does not agree: " + difference);
    result.observed = compared;
    return {};
}

}  // namespace memrig
