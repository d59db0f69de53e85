#include "run/trial_observer.h"

#include "machine/observer_plugin.h"
#include "run/trial.h"

namespace memrig {

namespace {
constexpr auto kMonitorPatience = std::chrono::minutes(1);
}  // namespace

const char* to_string(Observing observing) { return observing == Observing::both ? "both" : "stops"; }

Status TrialObserver::begin() {
    ObserverChannel* const channel = machine_.observer();
    if (channel == nullptr) return {};  // LiveGuest::unobserved says why
    if (armament_.owner_offset.value_or(0) != 0) {
        unobserved_ = "the observer knows no mutex whose owner is not its first word, as with PREEMPT_RT";
        return {};
    }
    auto made = LockObserver::make(conductor_, symbols_, *channel, [this](std::uint64_t address, std::uint64_t size) {
        return host_address_of(machine_.qmp(), address, size, Deadline::after(kMonitorPatience));
    });
    if (made) observer_ = *std::move(made);
    else if (made.error().fault == Fault::guest) unobserved_ = made.error().message;
    else return std::unexpected(made.error());
    return {};
}

Status TrialObserver::begin_comparison(LockLedger* ledger) {
    if (!observer_) return {};
    if (ledger == nullptr) {
        unobserved_ = "a trial without a lock ledger has nothing to compare the observer with";
        return {};
    }
    ledger_ = ledger;
    mutexes_ = ledger->on_mutex(
        [this](std::uint64_t address, const std::string& name) { return observer_->watch_mutex(address, name); });
    MEMRIG_CHECK(conductor_.look());
    observer_->forget();
    return {};
}

Status TrialObserver::finish(TrialResult& result) {
    if (!unobserved_.empty()) result.unobserved = unobserved_;
    if (!observer_ || ledger_ == nullptr) return {};
    // QEMU may have ended since the watches were removed, after a panic.
    if (!observer_->has_ended()) MEMRIG_CHECK(conductor_.look());
    std::vector<LockEvent> ledger;
    for (const LockEvent& event : ledger_->events())
        if (observer_->watches(event.lock)) ledger.push_back(event);
    std::size_t compared = 0;
    for (const auto& fault : observer_->faults()) doubts_.push_back("the observer does not see all: " + fault);
    for (const auto& difference : observer_disagreements(ledger, observer_->events(), compared))
        doubts_.push_back("the observer does not agree: " + difference);
    result.observed = compared;
    return {};
}

}  // namespace memrig
