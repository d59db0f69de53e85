#include "run/fleet.h"

#include <algorithm>
#include <atomic>

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "machine/accelerator.h"
#include "machine/guest_store.h"

namespace memrig {

namespace {

constexpr auto kHostPatience = std::chrono::minutes(1);

std::vector<std::string> names_of(const std::vector<Host*>& hosts) {
    std::vector<std::string> names;
    for (const Host* host : hosts) names.push_back(host->name());
    return names;
}

std::string key_of(const Bench& bench, const KernelImage& kernel) { return bench.name + " " + kernel.id; }

// Renames what a lost host left of a trial to NUMBER.lost-N, next to the directory of the trial that counts.
Status put_aside(const fs::path& directory) {
    std::error_code code;
    for (unsigned i = 1; fs::exists(directory, code); i++) {
        const fs::path aside = fmt::format("{}.lost-{}", directory.string(), i);
        if (fs::exists(aside, code)) continue;
        fs::rename(directory, aside, code);
        if (code) return fail(Fault::host, "cannot rename {}: {}", directory.string(), code.message());
    }
    return {};
}

}  // namespace

Fleet::Fleet(std::vector<Host*> hosts, std::string accelerator, RunObserver& observer, std::mutex& observing)
    : hosts_(std::move(hosts)),
      accelerator_(std::move(accelerator)),
      observer_(observer),
      observing_(observing),
      pool_(names_of(hosts_),
            [this](std::size_t host) { return hosts_[host]->answers(Deadline::after(kHostPatience)); }) {
    MEMRIG_ASSERT(!hosts_.empty(), "a run has a host");
    MEMRIG_ASSERT(std::ranges::find(hosts_, nullptr) == hosts_.end(), "each host is there");
}

const PreparedGuest& Fleet::any_of(const Guests& guests) {
    const auto found = std::ranges::find_if(guests, [](const auto& one) { return one != nullptr; });
    MEMRIG_ASSERT(found != guests.end(), "a guest was prepared on at least one host");
    return **found;
}

// Asking the host takes time, so the lock is only taken afterwards.
bool Fleet::is_lost(std::size_t host) {
    const auto loss = pool_.look_after(host);
    if (!loss) return false;
    const std::lock_guard guard(observing_);
    if (loss->is_news) observer_.host_lost(loss->host, loss->why);
    return true;
}

Result<std::shared_ptr<const PreparedGuest>> Fleet::prepare_on(std::size_t host, const Bench& bench,
                                                               const KernelImage& kernel) {
    MEMRIG_ASSERT(host < hosts_.size(), "the host is one of the run's");
    MEMRIG_TRY(const Accelerator accelerator, choose_accelerator(accelerator_, *hosts_[host], bench, kernel));
    const std::string where = hosts_.size() > 1 ? " (" + pool_.name(host) + ")" : "";
    GuestStore store(*hosts_[host], [&](const std::string& what) { tell_busy(what + where); });
    auto guest = store.prepare(bench, kernel, accelerator);
    tell_busy("");
    return guest;
}

void Fleet::tell_busy(const std::string& what) {
    const std::lock_guard guard(observing_);
    if (what.empty()) busy_.erase(std::this_thread::get_id());
    else busy_.insert(std::this_thread::get_id());
    if (!what.empty() || busy_.empty()) observer_.busy_with(what);
}

Result<Fleet::Guests> Fleet::prepare_everywhere(const Bench& bench, const KernelImage& kernel) {
    Guests guests(hosts_.size());
    for (std::size_t host = 0; host < hosts_.size(); host++) {
        if (!pool_.lost(host).empty()) continue;
        auto guest = prepare_on(host, bench, kernel);
        const bool ours = !guest && (guest.error().fault == Fault::interrupted || hosts_.size() == 1);
        if (!guest && !ours && is_lost(host)) continue;
        if (!guest) return std::unexpected(guest.error());
        guests[host] = *std::move(guest);
    }
    const bool none = std::ranges::all_of(guests, [](const auto& guest) { return guest == nullptr; });
    if (none) return std::unexpected(pool_.take().error());
    return guests;
}

void Fleet::prepare_ahead(std::vector<Wanted> wanted, unsigned jobs) {
    const auto key = [](const Wanted& one) { return key_of(one.bench, one.kernel); };
    std::ranges::stable_sort(wanted, {}, key);
    const auto twice = std::ranges::unique(wanted, {}, key);
    wanted.erase(twice.begin(), twice.end());
    if (jobs < 2 || wanted.size() < 2) return;
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
        for (std::size_t i = next++; i < wanted.size() && !stop_request().requested(); i = next++) {
            auto guests = prepare_everywhere(wanted[i].bench, wanted[i].kernel);
            const std::lock_guard guard(observing_);
            ahead_.emplace(key(wanted[i]), std::move(guests));
        }
    };
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < jobs; i++) workers.emplace_back(work);
}

Result<Fleet::Prepared> Fleet::prepare(const Bench& bench, const KernelImage& kernel) {
    const std::string key = key_of(bench, kernel);
    if (const auto known = guests_.find(key); known != guests_.end()) return Prepared{&known->second, false};
    if (const auto known = failed_.find(key); known != failed_.end()) return std::unexpected(known->second);
    const auto ready = ahead_.extract(key);
    auto guests = ready ? std::move(ready.mapped()) : prepare_everywhere(bench, kernel);
    if (!guests) return std::unexpected(failed_.try_emplace(key, guests.error()).first->second);
    return Prepared{&(guests_[key] = *std::move(guests)), true};
}

// Replaces a saved guest that did not restore, once for all the trials that use it.
Status Fleet::renew(std::size_t host, Guests& guests, const std::shared_ptr<const PreparedGuest>& broken) {
    const std::lock_guard guard(observing_);
    if (guests[host] != broken || !renewed_.insert(broken->key).second) return {};
    logger(LogLayer::run).info("the saved guest {} did not restore on {}: replacing it", broken->key, pool_.name(host));
    GuestStore store(*hosts_[host], [this](const std::string& what) { observer_.busy_with(what); });
    MEMRIG_CHECK(store.discard(*broken));
    MEMRIG_TRY(guests[host], store.prepare(broken->order.bench, broken->order.kernel, broken->order.accelerator));
    observer_.busy_with("");
    return {};
}

Result<TrialOutcome> Fleet::play_on(std::size_t host, Guests& guests, TrialSpec spec) {
    const auto ready = [&] {
        const std::lock_guard guard(observing_);
        return guests[host];
    };
    MEMRIG_ASSERT(host < hosts_.size() && guests.size() == hosts_.size(), "each host has a place for its guest");
    const auto guest = spec.guest = ready();
    MEMRIG_ASSERT(guest, "the host was there when guests were prepared");
    if (hosts_.size() > 1) spec.host = pool_.name(host);
    auto outcome = run_trial(*hosts_[host], spec);
    if (outcome && outcome->result.did_not_restore && !is_lost(host)) {
        MEMRIG_CHECK(renew(host, guests, guest));
        spec.guest = ready();
        outcome = run_trial(*hosts_[host], spec);
    }
    return outcome;
}

Result<TrialOutcome> Fleet::play(Guests& guests, TrialSpec spec) {
    for (;;) {
        MEMRIG_TRY(const std::size_t host, pool_.take());
        auto outcome = play_on(host, guests, spec);
        pool_.give_back(host);
        // A bad or inconclusive result may come from the loss of the host.
        const bool good = outcome && outcome->result.as_expected && outcome->result.verdict != Verdict::inconclusive;
        if (!outcome || good || stop_request().requested() || !is_lost(host)) return outcome;
        MEMRIG_CHECK(put_aside(spec.directory));
    }
}

void Fleet::discard_new() {
    for (const auto& [name, guests] : guests_)
        for (std::size_t host = 0; host < guests.size(); host++)
            if (guests[host] && !guests[host]->from_cache) (void)GuestStore(*hosts_[host], {}).discard(*guests[host]);
}

std::vector<HostShare> Fleet::shares() const {
    std::vector<HostShare> shares;
    for (std::size_t host = 0; host < hosts_.size() && hosts_.size() > 1; host++) {
        HostShare share{pool_.name(host), {}, 0, pool_.lost(host)};
        for (const auto& [name, guests] : guests_)
            if (guests[host]) share.qemu_version = guests[host]->qemu_version;
        shares.push_back(std::move(share));
    }
    return shares;
}

}  // namespace memrig
