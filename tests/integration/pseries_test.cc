// POWER: DLPAR adds an LMB while somebody onlines it, on Debian's own ppc64el kernel, without data symbols or BTF. The
// control holds, and without dlpar_memory()'s lock the kernel crashes.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"

namespace memrig {
namespace {

TEST(Pseries, ControlHoldsAndMutantIsConvicted) {
    auto directory = TemporaryDirectory::make("memrig-pseries");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    const RunSpec order = test::one_trial({"acpi-dimm-online"}, "debian-6.1-ppc64el", directory->path() / "run");
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    EXPECT_EQ(results->exit_status(), 0);
    ASSERT_EQ(results->arms.size(), 2u);
    for (const auto& arm : results->arms) {
        EXPECT_EQ(arm.bench, "pseries") << "the first bench that the kernel can run on";
        ASSERT_EQ(arm.trials.size(), 1u);
        const TrialResult& trial = arm.trials.front();
        EXPECT_TRUE(trial.as_expected) << arm.arm << ": " << to_string(trial.verdict) << ": " << trial.reason;
        if (arm.arm == "control") {
            EXPECT_EQ(trial.verdict, Verdict::held);
            EXPECT_NE(trial.reason.find("refused device_hotplug_lock"), std::string::npos) << trial.reason;
        } else {
            EXPECT_EQ(trial.verdict, Verdict::oops);
        }
        // A lock that no data symbol names was learnt from the functions that take it.
        const auto locks = read_file(order.out / trial.directory / "locks.json");
        ASSERT_TRUE(locks);
        for (const char* lock : {"mem_hotplug_lock", "memory4's device lock"})
            EXPECT_NE(locks->find(lock), std::string::npos) << lock;
    }
}

}  // namespace
}  // namespace memrig
