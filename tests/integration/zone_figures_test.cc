// R10 in real guests: a kernel that writes a zone's figures without mem_hotplug_lock is convicted by that rule alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/one_trial.h"

namespace memrig {
namespace {

using testing::StartsWith;

class ZoneFigures : public testing::TestWithParam<const char*> {};

TEST_P(ZoneFigures, AreWrittenWithTheLock) {
    const auto directory = *TemporaryDirectory::make("memrig-zone-figures");
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    const auto run =
        run_scenarios(test::one_trial({"validate/zone-figures"}, GetParam(), directory.path()), *backend, observer);
    ASSERT_TRUE(run) << run.error().line();
    ASSERT_EQ(run->arms.size(), 2u);
    for (const auto& arm : run->arms) {
        const TrialResult& trial = arm.trials.at(0);
        if (arm.arm == "control") {
            EXPECT_EQ(trial.verdict, Verdict::held) << trial.reason;
            EXPECT_GT(trial.checks.count("R10"), 0u) << "the rule was not put to the test";
        } else {
            EXPECT_EQ(trial.verdict, Verdict::rule_broken) << trial.reason;
            EXPECT_THAT(trial.reason, StartsWith("R10: onliner"));
            for (const auto& finding : trial.findings)
                for (const auto& detail : finding.oracle == "rules" ? finding.details : std::vector<std::string>())
                    EXPECT_THAT(detail, StartsWith("R10"));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(DebianKernels, ZoneFigures, testing::Values("debian-6.12-amd64", "debian-7.2-amd64"));

}  // namespace
}  // namespace memrig
