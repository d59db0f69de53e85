// Prepares the guests of a run on its hosts, and plays each trial on one of them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "run/host_pool.h"
#include "run/run.h"
#include "run/trial.h"

namespace memrig {

// play() is thread-safe once all guests are prepared. All other functions are for one thread at a time.
class Fleet {
public:
    // One kernel on one bench, by host. Null for a host that was lost before; at least one is not null.
    using Guests = std::vector<std::shared_ptr<const PreparedGuest>>;
    static const PreparedGuest& any_of(const Guests& guests);

    // `observing` is locked while the observer is called. REQUIRES: at least one host, and no null pointers.
    Fleet(std::vector<Host*> hosts, std::string accelerator, RunObserver& observer, std::mutex& observing);

    // Prepares the guest on each host that is not lost, once for each kernel and bench. A host that fails and does not
    // answer is lost. A failure on a host that still answers is the failure of this guest, and is remembered.
    struct Prepared {
        Guests* guests;
        bool is_new;
    };
    Result<Prepared> prepare(const Bench& bench, const KernelImage& kernel);
    struct Wanted {
        Bench bench;
        KernelImage kernel;
    };
    // Does the work of prepare() for each of these once, `jobs` at a time. prepare() then returns at once what came of
    // it. Does nothing if there is nothing to do at the same time.
    void prepare_ahead(std::vector<Wanted> wanted, unsigned jobs);
    // Plays the trial on the host with the fewest trials in progress. If that host is lost meanwhile, plays it again on
    // another one. `spec.guest` need not be set.
    Result<TrialOutcome> play(Guests& guests, TrialSpec spec);
    // Removes from the cache the guests that this run added. Failures are ignored: they only cost space.
    void discard_new();
    // Returns the share of each host, if there are several; empty for one host. The caller fills in the trial counts.
    [[nodiscard]] std::vector<HostShare> shares() const;

private:
    Result<Guests> prepare_everywhere(const Bench& bench, const KernelImage& kernel);
    void tell_busy(const std::string& what);
    Result<std::shared_ptr<const PreparedGuest>> prepare_on(std::size_t host, const Bench& bench,
                                                            const KernelImage& kernel);
    Result<TrialOutcome> play_on(std::size_t host, Guests& guests, TrialSpec spec);
    Status renew(std::size_t host, Guests& guests, const std::shared_ptr<const PreparedGuest>& broken);
    bool is_lost(std::size_t host);

    const std::vector<Host*> hosts_;
    const std::string accelerator_;
    RunObserver& observer_;
    std::mutex& observing_;  // also guards the guests
    HostPool pool_;
    std::map<std::string, Guests> guests_;         // by bench and kernel
    std::map<std::string, Error> failed_;          // likewise: why there are no guests
    std::map<std::string, Result<Guests>> ahead_;  // likewise: prepared, and not yet asked for
    std::set<std::thread::id> busy_;               // the threads that prepare a guest
    std::set<std::string> renewed_;                // keys of saved guests that were made again: each at most once
};

}  // namespace memrig
