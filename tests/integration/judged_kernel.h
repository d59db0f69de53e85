// Kernels and what race/acpi-dimm-online comes to on them.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "integration/one_trial.h"

namespace memrig::test {

struct Judged {
    const char* name;
    const char* kernel;
    const char* arm;
    Verdict verdict;
};

class JudgedKernel : public ::testing::TestWithParam<Judged> {
protected:
    static void is_judged_as_it_should() {
        const auto directory = TemporaryDirectory::make("memrig-reference");
        ASSERT_TRUE(directory);
        const auto backend = make_qemu_backend();
        QuietObserver observer;
        RunSpec order = one_trial({"acpi-dimm-online"}, GetParam().kernel, directory->path() / "run");
        order.arm = GetParam().arm;
        order.trials = 2;  // one for each attribute
        const auto results = run_scenarios(order, *backend, observer);
        ASSERT_TRUE(results) << results.error().line();
        ASSERT_EQ(results->arms.size(), 1u);
        ASSERT_EQ(results->arms.front().trials.size(), 2u);
        for (const auto& trial : results->arms.front().trials)
            EXPECT_EQ(trial.verdict, GetParam().verdict) << to_string(trial.verdict) << ": " << trial.reason;
    }
};

}  // namespace memrig::test
