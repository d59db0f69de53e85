// The ledger against the kernel's own lock tracepoints: where both exist, they agree.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"

namespace memrig {
namespace {

TEST(LockTrace, AgreesWithTheLedger) {
    const auto directory = TemporaryDirectory::make("memrig-lock-trace");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order = test::one_trial({"race/acpi-dimm-online", "validate/acpi-dimm-lock-order"}, "ref-6.12-amd64",
                                    directory->path() / "run");
    order.arm = "control";
    order.trials = 2;  // one for each attribute
    order.manner.lock_trace = true;
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    for (const auto& arm : results->arms)
        for (const auto& trial : arm.trials) EXPECT_EQ(trial.verdict, Verdict::held) << trial.reason;
}

// The console oracle reads what lockdep prints. No other oracle knows of an unlock by a task that does not hold the
// lock.
TEST(ConsoleOracle, AloneConvictsWhatLockdepReports) {
    const auto directory = TemporaryDirectory::make("memrig-console");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    for (const auto& [kernel, verdict] : {std::pair{"ref-6.12-amd64", Verdict::held},
                                          {"ref-6.12-amd64+probe_store_unlocks_untaken", Verdict::lock_order}}) {
        RunSpec order = test::one_trial({"race/probe-probe"}, kernel, directory->path() / kernel);
        order.arm = "control";
        order.manner.oracles = {"console"};
        const auto results = run_scenarios(order, *backend, observer);
        ASSERT_TRUE(results) << results.error().line();
        const TrialResult& trial = results->arms.at(0).trials.at(0);
        EXPECT_EQ(trial.verdict, verdict) << trial.reason;
    }
}

}  // namespace
}  // namespace memrig
