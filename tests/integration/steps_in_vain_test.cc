// A step that can no longer come true ends the trial at once, on a real guest. These trials took two minutes, and their
// verdict was a stall of RCU that the held vCPU had made itself.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"

namespace memrig {
namespace {

TrialResult steps_in_vain_trial(const std::string& scenario) {
    const auto directory = TemporaryDirectory::make("memrig-in-vain");
    if (!directory) return {};
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    const fs::path file = fs::path(MEMRIG_TEST_DATA) / "data" / scenario;
    RunSpec order = test::one_trial({file.string()}, "debian-6.12-amd64", directory->path() / "run");
    order.arm = "control";
    const auto results = run_scenarios(order, *backend, observer);
    EXPECT_TRUE(results) << results.error().line();
    return results ? results->arms.at(0).trials.at(0) : TrialResult();
}

TEST(StepsInVain, ARemovalThatWasToBeRefusedAndIsGrantedIsConvicted) {
    const TrialResult trial = steps_in_vain_trial("second-removal.toml");
    EXPECT_EQ(trial.verdict, Verdict::accounting);
    EXPECT_EQ(trial.reason, "second: done, not GenericError: already in the process of unplug");
}

TEST(StepsInVain, AnActorThatWaitsForRcuWhileAVcpuIsHeldIsTold) {
    const TrialResult trial = steps_in_vain_trial("offline-beside-compaction.toml");
    EXPECT_EQ(trial.verdict, Verdict::inconclusive);
    EXPECT_TRUE(trial.reason.starts_with("offliner waits for RCU (synchronize_rcu < ")) << trial.reason;
    EXPECT_TRUE(trial.reason.ends_with("hold compactor with parked = true")) << trial.reason;
}

}  // namespace
}  // namespace memrig
