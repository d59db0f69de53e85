// Campaigns with a worker that is a shell script.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "campaign/coordinator.h"

namespace memrig {

// $out is the run directory; it says that the trial held.
inline constexpr const char* kWorker = R"(#!/bin/sh
while [ $# -gt 0 ]; do case $1 in --out) out=$2;; --arm) arm=$2;; --seed) seed=$2;; --backend) host=$2;; esac; shift; done
report() {
    mkdir -p "$out"
    printf '{"arms": [{"trial_results": [{"verdict": "%s", "reason": "%s", "as_expected": %s, "seconds": {"verdict": 0.5}}]}]}' "$1" "$2" "$3" >"$out/results.json"
}
)";

class Silent : public CampaignObserver {
public:
    void begun(std::uint64_t, std::uint64_t done) override { done_before = done; }
    void trial_done(const PlanCell&, const CampaignResult& result, std::uint64_t) override {
        results.push_back(result);
    }
    void cell_skipped(const PlanCell&, const std::string& why) override { skipped.push_back(why); }
    void cell_not_set_up(const PlanCell&, const std::string& why) override { not_set_up.push_back(why); }
    void runs_again(const PlanCell&, const CampaignTrial&, const std::string& why) override { again.push_back(why); }
    void host_lost(const std::string& host, const std::string&) override { lost.push_back(host); }
    std::uint64_t done_before = 0;
    std::vector<CampaignResult> results;
    std::vector<std::string> skipped, not_set_up, again, lost;
};

class CampaignRun : public ::testing::Test {
protected:
    void SetUp() override {
        directory = std::make_unique<TemporaryDirectory>(*TemporaryDirectory::make("memrig-campaign-test"));
        order.plan.name = "test";
        order.plan.cells = {{"race/a", "k", "q35", "control", 5}, {"race/a", "k", "q35", "mutant", 3}};
        order.directory = directory->path() / "campaign";
        order.jobs = 2;
        works("report held 'it held' true\n");
    }
    void works(const std::string& body) {
        const fs::path script = directory->path() / "worker";
        ASSERT_TRUE(write_file(script, kWorker + body));
        fs::permissions(script, fs::perms::owner_all);
        order.worker = {script.string()};
    }
    Status run() {
        observer = Silent();
        return run_campaign_plan(order, observer);
    }
    std::vector<CellProgress> progress() {
        auto store = CampaignStore::open_to_read(order.directory);
        EXPECT_TRUE(store);
        return *store->progress();
    }

    std::unique_ptr<TemporaryDirectory> directory;
    CampaignSpec order;
    Silent observer;
};

}  // namespace memrig
