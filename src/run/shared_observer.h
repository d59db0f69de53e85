// Passes on what several runs at the same time tell, one call at a time.
#pragma once

#include <mutex>

#include "run/run.h"

namespace memrig {

// Thread-safe. The observer and the mutex must outlive it; the mutex may guard other things, too.
class SharedObserver final : public RunObserver {
public:
    // Without `counts`, the runs' numbers of planned trials are kept back: their starter knows the sum.
    SharedObserver(RunObserver& observer, std::mutex& mutex, bool counts)
        : observer_(observer), mutex_(mutex), counts_(counts) {}
    void busy_with(const std::string& what) override {
        const std::scoped_lock guard(mutex_);
        observer_.busy_with(what);
    }
    void planned(unsigned trials_in_all) override {
        const std::scoped_lock guard(mutex_);
        if (counts_) observer_.planned(trials_in_all);
    }
    void trial_done(const ArmResult& arm, const TrialResult& trial) override {
        const std::scoped_lock guard(mutex_);
        observer_.trial_done(arm, trial);
    }
    void host_lost(const std::string& host, const std::string& why) override {
        const std::scoped_lock guard(mutex_);
        observer_.host_lost(host, why);
    }

private:
    RunObserver& observer_;
    std::mutex& mutex_;
    bool counts_;
};

}  // namespace memrig
