// The table scenario by kernel.
#include <gtest/gtest.h>

#include "report/kernel_table.h"

namespace memrig {
namespace {

ArmResult arm_of(const std::string& scenario, const std::string& kernel, const std::string& arm,
                 const std::vector<Verdict>& verdicts, Verdict expected) {
    ArmResult result;
    result.scenario = scenario;
    result.kernel = kernel;
    result.arm = arm;
    result.expected = {expected};
    result.trials_asked = static_cast<unsigned>(verdicts.size());
    for (const Verdict verdict : verdicts) {
        TrialResult trial;
        trial.verdict = verdict;
        trial.as_expected = verdict == expected;
        result.trials.push_back(trial);
    }
    return result;
}

RunResults two_kernels() {
    RunResults results;
    results.arms = {arm_of("race/a", "old", "control", {Verdict::held, Verdict::held}, Verdict::held),
                    arm_of("race/a", "old", "mutant", {Verdict::oops}, Verdict::oops),
                    arm_of("validate/b", "old", "control", {}, Verdict::held),
                    arm_of("race/a", "new", "control", {Verdict::held, Verdict::deadlock}, Verdict::held),
                    arm_of("race/a", "new", "mutant", {Verdict::deadlock}, Verdict::deadlock),
                    arm_of("validate/b", "new", "control", {}, Verdict::held)};
    results.arms[2].skipped = "this kernel has not NUMA nodes";
    results.arms[5].not_set_up = Error{Fault::guest, "the kernel does not boot", {}};
    return results;
}

TEST(KernelTable, HasALineForEachScenarioAndAColumnForEachKernel) {
    EXPECT_EQ(kernel_table(two_kernels(), Paint(false)),
              "scenario    old          new\n"
              "race/a      held / oops  held 1, deadlock 1 ! / deadlock\n"
              "validate/b  skipped (1)  not set up (2)\n"
              "(1) this kernel has not NUMA nodes\n"
              "(2) not set up: the kernel does not boot\n");
}

TEST(KernelTable, SaysNothingOfASingleKernelInTheTerminal) {
    RunResults results = two_kernels();
    results.arms.resize(3);
    EXPECT_EQ(kernel_table(results, Paint(false)), "");
    EXPECT_EQ(kernel_table_markdown(results),
              "| scenario | old |\n| --- | --- |\n| race/a | held / oops |\n| validate/b | skipped (1) |\n\n"
              "1. this kernel has not NUMA nodes\n");
}

TEST(KernelTable, AScenarioThatWasNotAskedForOnAKernelIsADash) {
    RunResults results = two_kernels();
    results.arms.pop_back();
    EXPECT_NE(kernel_table(results, Paint(false)).find("validate/b  skipped (1)  -\n"), std::string::npos)
        << kernel_table(results, Paint(false));
}

TEST(KernelTable, TextOfAGuestIsEscapedInMarkdown) {
    RunResults results = two_kernels();
    results.arms[2].skipped = "a | b\n# c";
    EXPECT_EQ(kernel_table_markdown(results).find("\n# c"), std::string::npos);
    EXPECT_NE(kernel_table_markdown(results).find("a \\| b"), std::string::npos) << kernel_table_markdown(results);
}

}  // namespace
}  // namespace memrig
