// A run over fake machines, with a cache of its own.
#pragma once

#include <string>
#include <vector>

#include "run/run.h"
#include "unit/support/cache_fixture.h"

namespace memrig {

class CountingObserver final : public RunObserver {
public:
    void busy_with(const std::string& what) override { busy.push_back(what); }
    void planned(unsigned trials) override { planned_trials = trials; }
    void trial_done(const ArmResult&, const TrialResult&) override { done++; }
    void host_lost(const std::string& host, const std::string& why) override { lost.push_back(host + ": " + why); }
    std::vector<std::string> busy, lost;  // lost: "HOST: WHY"
    unsigned planned_trials = 0, done = 0;
};

class CampaignTest : public WithCache {
protected:
    void SetUp() override {
        WithCache::SetUp();
        order.scenarios = {"race/acpi-dimm-online"};
        order.kernels = {kernel_path().string()};
        order.arm = "control";
        order.trials = 1;
        order.seed = 7;
        order.out = directory.path() / "out";
        order.accelerator = "tcg";
    }
    virtual Result<RunResults> run() { return run_scenarios(order, backend, observer); }
    RunResults results() {
        auto run_results = run();
        if (run_results) return *std::move(run_results);
        ADD_FAILURE() << run_results.error().message;
        return {};
    }
    TrialResult only_trial() {
        const RunResults all = results();
        if (all.arms.size() == 1 && all.arms[0].trials.size() == 1) return all.arms[0].trials[0];
        ADD_FAILURE() << "not one trial";
        return {};
    }
    void expect_refused(const std::string& words) {
        const auto run_results = run();
        ASSERT_FALSE(run_results);
        EXPECT_EQ(run_results.error().fault, Fault::user_input);
        EXPECT_NE(run_results.error().message.find(words), std::string::npos) << run_results.error().message;
        EXPECT_EQ(backend.restored(), 0u);
    }

    RunSpec order;
    CountingObserver observer;
    unsigned boots = 0;
};

}  // namespace memrig
