// The hosts of a run, each with the guests that are ready on it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "run/host_pool.h"
#include "run/run.h"
#include "run/trial.h"

namespace memrig {

// Thread-safe once all guests are prepared.
class Fleet {
public:
    // A kernel on a bench, by host; null where that was lost before. At least one is not.
    using Guests = std::vector<std::shared_ptr<const PreparedGuest>>;
    static const PreparedGuest& any_of(const Guests& guests);

    // `observing` is held while the observer is told something.
    Fleet(std::vector<Host*> hosts, std::string accelerator, RunObserver& observer, std::mutex& observing);

    // On each host that is there; once for each kernel and bench. An error of a host that is still there is an error of the run's.
    struct Prepared {
        Guests* guests;
        bool is_new;
    };
    Result<Prepared> prepare(const Bench& bench, const KernelImage& kernel);
    // Plays the trial on the host that has least to do, and on another where that one is lost meanwhile. `order.guest` need not be set.
    Result<TrialOutcome> play(Guests& guests, TrialSpec order);
    // Removes those guests from the cache that were not there before. What cannot be removed is but room.
    void discard_new();
    // What each of several hosts did, trials not counted yet; empty for one.
    [[nodiscard]] std::vector<HostShare> shares() const;

private:
    Result<std::shared_ptr<const PreparedGuest>> prepare_on(std::size_t host, const Bench& bench,
                                                            const KernelImage& kernel);
    Result<TrialOutcome> play_on(std::size_t host, Guests& guests, TrialSpec order);
    Status renew(std::size_t host, Guests& guests, const std::shared_ptr<const PreparedGuest>& broken);
    bool is_lost(std::size_t host);

    const std::vector<Host*> hosts_;
    const std::string accelerator_;
    RunObserver& observer_;
    std::mutex& observing_;  // for the guests, too
    HostPool pool_;
    std::map<std::string, Guests> guests_;  // by bench and kernel
    std::set<std::string> renewed_;         // saved guests that were made anew: once is enough, or QEMU takes none
};

}  // namespace memrig
