// The ledger against the kernel's own lock tracepoints: where both exist, they agree.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/quiet_observer.h"

namespace memrig {
namespace {

TEST(LockTrace, AgreesWithTheLedger) {
    const auto directory = TemporaryDirectory::make("memrig-lock-trace");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    CampaignOrder order;
    order.scenarios = {"race/acpi-dimm-online", "order/acpi-dimm-lock-order"};
    order.kernels = {"ref-6.12-amd64"};
    order.arm = "control";
    order.trials = 2;  // one for each attribute
    order.seed = 0;
    order.accelerator = "tcg";
    order.manner.lock_trace = true;
    order.out = directory->path() / "run";
    const auto results = run_campaign(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    for (const auto& arm : results->arms)
        for (const auto& trial : arm.trials) EXPECT_EQ(trial.verdict, Verdict::held) << trial.reason;
}

// "Showing all locks held in the system" is further evidence of a deadlock, where the kernel keeps that list.
TEST(LockTrace, TheKernelsOwnListIsPartOfADeadlocksProof) {
    const auto directory = TemporaryDirectory::make("memrig-lock-list");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    CampaignOrder order;
    order.scenarios = {"race/acpi-dimm-online"};
    order.kernels = {"ref-6.12-amd64-nonuma"};
    order.arm = "mutant";
    order.trials = 1;
    order.accelerator = "tcg";
    order.out = directory->path() / "run";
    const auto results = run_campaign(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    const TrialResult& trial = results->arms.at(0).trials.at(0);
    ASSERT_EQ(trial.verdict, Verdict::deadlock) << trial.reason;
    const auto& details = trial.findings.front().details;
    EXPECT_TRUE(std::ranges::any_of(details, [](const std::string& line) {
        return line.starts_with("the kernel's own list: ") && line.find("mem_hotplug_lock") != std::string::npos;
    }));
}

// What lockdep prints is the console oracle's: of an unlock by somebody who does not hold the lock, no other oracle knows.
TEST(ConsoleOracle, AloneConvictsWhatLockdepReports) {
    const auto directory = TemporaryDirectory::make("memrig-console");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    for (const auto& [kernel, verdict] : {std::pair{"ref-6.12-amd64", Verdict::held},
                                          {"ref-6.12-amd64+probe_store_unlocks_untaken", Verdict::lock_order}}) {
        CampaignOrder order;
        order.scenarios = {"race/probe-probe"};
        order.kernels = {kernel};
        order.arm = "control";
        order.trials = 1;
        order.accelerator = "tcg";
        order.manner.oracles = {"console"};
        order.out = directory->path() / kernel;
        const auto results = run_campaign(order, *backend, observer);
        ASSERT_TRUE(results) << results.error().line();
        const TrialResult& trial = results->arms.at(0).trials.at(0);
        EXPECT_EQ(trial.verdict, verdict) << trial.reason;
    }
}

}  // namespace
}  // namespace memrig
