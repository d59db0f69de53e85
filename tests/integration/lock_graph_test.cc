// The lock graph of a real guest: two locks that memory hotplug knows nothing of are taken in both orders, and nobody
// has to wait for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/one_trial.h"
#include "report/lock_graph_dot.h"

namespace memrig {
namespace {

using test::one_trial;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kKernel = "debian-6.12-amd64";

class LockGraphInAGuest : public testing::Test {
protected:
    // Plays the scenario's arms once. Returns the results by arm.
    std::map<std::string, ArmResult> play(const std::string& scenario) {
        const auto backend = make_qemu_backend();
        test::QuietObserver observer;
        const auto run = run_scenarios(one_trial({scenario}, kKernel, directory_.path()), *backend, observer);
        EXPECT_TRUE(run) << (run ? "" : run.error().line());
        std::map<std::string, ArmResult> arms;
        if (run)
            for (const auto& arm : run->arms) arms.emplace(arm.arm, arm);
        return arms;
    }
    [[nodiscard]] TrialRecord record_of(const TrialResult& trial) const {
        const auto record = read_trial_record(directory_.path() / trial.directory);
        EXPECT_TRUE(record) << (record ? "" : record.error().line());
        return record ? *record : TrialRecord();
    }

    TemporaryDirectory directory_ = *TemporaryDirectory::make("memrig-lock-graph");
};

TEST_F(LockGraphInAGuest, ConvictsAnOrderThatNobodyWaitedFor) {
    const auto arms = play("validate/lock-graph");
    ASSERT_EQ(arms.size(), 2u);
    const TrialResult& control = arms.at("control").trials.at(0);
    EXPECT_EQ(control.verdict, Verdict::held) << control.reason;
    const TrialRecord held = record_of(control);
    EXPECT_GT(held.orders.size(), 10u) << "the kernel's own orders";
    EXPECT_THAT(lock_graph_dot(held), HasSubstr("device_hotplug_lock"));

    const TrialResult& inverted = arms.at("inverted").trials.at(0);
    EXPECT_EQ(inverted.verdict, Verdict::lock_order) << inverted.reason;
    EXPECT_THAT(inverted.reason, AllOf(HasSubstr("rtnl_mutex"), HasSubstr("pci_rescan_remove_lock")));
    EXPECT_THAT(lock_graph_dot(record_of(inverted)), HasSubstr("color=red"));
}

}  // namespace
}  // namespace memrig
