// R10 on kernels without BTF: two source mutants write the figures of zones without mem_hotplug_lock, and that rule
// alone would convict them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/one_trial.h"

namespace memrig {
namespace {

using testing::Contains;
using testing::StartsWith;

RunResults play(const std::string& kernel, const std::string& arm) {
    const auto directory = *TemporaryDirectory::make("memrig-unlocked-figures");
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order = test::one_trial({"validate/zone-figures"}, kernel, directory.path());
    order.arm = arm;
    return run_scenarios(order, *backend, observer).value();
}

TEST(UnlockedFigures, AreSeenInSourceMutants) {
    for (const char* mutant : {"present_pages_unlocked", "online_pages_unlocked"}) {
        SCOPED_TRACE(mutant);
        const RunResults results = play(std::string("ref-6.12-amd64+") + mutant, "control");
        const TrialResult& trial = results.arms.at(0).trials.at(0);
        EXPECT_EQ(trial.verdict, Verdict::rule_broken) << trial.reason;
        const auto rules = std::ranges::find(trial.findings, "rules", &Finding::oracle);
        ASSERT_NE(rules, trial.findings.end());
        EXPECT_THAT(rules->details, Contains(StartsWith("R10: onliner")));
    }
}

TEST(UnlockedFigures, TheOriginalWritesThemWithTheLock) {
    const RunResults results = play("ref-6.12-amd64", "all");
    EXPECT_EQ(results.exit_status(), 0);
    ASSERT_EQ(results.arms.size(), 2u);
    EXPECT_GT(results.arms[0].trials.at(0).checks.count("R10"), 0u);
}

}  // namespace
}  // namespace memrig
