// The kernels built from source that each run leaves out, for POWER and without NUMA. Without NUMA the race is the pure
// AB-BA deadlock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/judged_kernel.h"

namespace memrig {
namespace {

class OtherReferenceKernel : public test::JudgedKernel {};

TEST_P(OtherReferenceKernel, IsJudgedAsItShould) { is_judged_as_it_should(); }

INSTANTIATE_TEST_SUITE_P(Parents, OtherReferenceKernel,
                         testing::Values(test::Judged{"PowerControl", "ref-6.12-ppc64le", "control", Verdict::held},
                                         test::Judged{"PowerMutant", "ref-6.12-ppc64le", "mutant", Verdict::oops},
                                         test::Judged{"FlatControl", "ref-6.12-amd64-nonuma", "control", Verdict::held},
                                         test::Judged{"FlatMutant", "ref-6.12-amd64-nonuma", "mutant",
                                                      Verdict::deadlock},
                                         test::Judged{"FlatAdder", "ref-6.12-amd64-nonuma+acpi_device_hotplug",
                                                      "control", Verdict::deadlock}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// "Showing all locks held in the system" is further evidence of a deadlock, where the kernel keeps that list.
TEST(LockList, IsPartOfADeadlocksProof) {
    const auto directory = TemporaryDirectory::make("memrig-lock-list");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order = test::one_trial({"race/acpi-dimm-online"}, "ref-6.12-amd64-nonuma", directory->path() / "run");
    order.arm = "mutant";
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    const TrialResult& trial = results->arms.at(0).trials.at(0);
    ASSERT_EQ(trial.verdict, Verdict::deadlock) << trial.reason;
    const auto& details = trial.findings.front().details;
    EXPECT_TRUE(std::ranges::any_of(details, [](const std::string& line) {
        return line.starts_with("the kernel's own list: ") && line.find("mem_hotplug_lock") != std::string::npos;
    }));
}

}  // namespace
}  // namespace memrig
