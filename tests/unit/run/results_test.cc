#include <gtest/gtest.h>

#include "run/results.h"
#include "unit/support/report_samples.h"

namespace memrig {
namespace {

RunResults of_kernels(const std::vector<std::pair<std::string, std::string>>& kernels) {
    RunResults results = samples::all_as_expected();
    results.kernels.clear();
    results.arms.resize(kernels.size());
    for (std::size_t i = 0; i < kernels.size(); i++) {
        results.arms[i].kernel = kernels[i].first;
        if (!kernels[i].second.empty()) results.kernels.push_back({kernels[i].first, kernels[i].second, "hash", 0});
    }
    name_kernels(results);
    return results;
}

TEST(KernelNames, APathIsShownAsItsRelease) {
    const RunResults results =
        of_kernels({{"debian-6.1-amd64", "6.1.0"}, {"./a", "6.1.0"}, {"./a", "6.1.0"}, {"./b", ""}});
    EXPECT_EQ(results.arms[0].shown_kernel(), "debian-6.1-amd64");
    EXPECT_EQ(results.arms[1].shown_kernel(), "6.1.0");
    EXPECT_EQ(results.arms[1].kernel, "./a");
    EXPECT_EQ(results.arms[2].shown_kernel(), "6.1.0");
    EXPECT_EQ(results.arms[3].shown_kernel(), "./b") << "no guest has told its release";
}

TEST(KernelNames, TwoPathsWithOneReleaseKeepTheirPaths) {
    const RunResults same = of_kernels({{"./a", "6.12.0"}, {"./b", "6.12.0"}, {"./c", "7.2.0"}});
    EXPECT_EQ(same.arms[0].shown_kernel(), "./a");
    EXPECT_EQ(same.arms[1].shown_kernel(), "./b");
    EXPECT_EQ(same.arms[2].shown_kernel(), "7.2.0");
    const RunResults changed = of_kernels({{"./a", "6.12.0"}, {"./a", "6.12.1"}});
    EXPECT_EQ(changed.arms[0].shown_kernel(), "./a") << "somebody built it anew meanwhile";
}

TEST(ExitStatus, AllAsExpectedIsZero) { EXPECT_EQ(samples::all_as_expected().exit_status(), 0); }
TEST(ExitStatus, OneUnexpectedTrialIsOne) { EXPECT_EQ(samples::not_as_expected().exit_status(), 1); }
TEST(ExitStatus, ARigFaultIsThree) { EXPECT_EQ(samples::with_rig_fault().exit_status(), 3); }
TEST(ExitStatus, AnInterruptionIs130) { EXPECT_EQ(samples::interrupted().exit_status(), 130); }

TEST(ExitStatus, ARigFaultOutweighsAFailedExpectation) {
    RunResults results = samples::not_as_expected();
    results.arms.push_back(samples::with_rig_fault().arms[0]);
    EXPECT_EQ(results.exit_status(), 3);
}

TEST(ExitStatus, ARigFaultIsNeverAsExpected) {
    RunResults results = samples::all_as_expected();
    results.arms[0].trials[0].verdict = Verdict::rig_fault;
    EXPECT_EQ(results.exit_status(), 3);
}

TEST(ExitStatus, AnInterruptionOutweighsAll) {
    RunResults results = samples::with_rig_fault();
    results.interrupted = true;
    EXPECT_EQ(results.exit_status(), 130);
}

TEST(ExitStatus, WhereAllIsSkippedNothingWasShown) {
    RunResults results = samples::all_as_expected();
    for (auto& arm : results.arms) {
        arm.skipped = "this kernel has no probe_store";
        arm.trials.clear();
        arm.trials_asked = 0;
    }
    EXPECT_EQ(results.exit_status(), 4);
    EXPECT_EQ(samples::nothing_ran().exit_status(), 4);
    results.arms.push_back(samples::all_as_expected().arms.front());
    EXPECT_EQ(results.exit_status(), 0) << "what was run was as expected";
}

TEST(ExitStatus, AnArmThatCouldNotBeSetUpIsNoPass) {
    RunResults results = samples::all_as_expected();
    results.arms.push_back(samples::not_set_up().arms[0]);
    EXPECT_EQ(results.exit_status(), 4) << "all that was run was as expected, but not all was run";
    results.arms.push_back(samples::not_as_expected().arms[0]);
    EXPECT_EQ(results.exit_status(), 1);
    results.arms[1].not_set_up = Error{Fault::rig, "QEMU ended", {}};
    results.arms.front() = results.arms[1];
    EXPECT_EQ(results.exit_status(), 3) << "the rig's own fault";
}

TEST(ExitStatus, ATrialThatWasNotRunIsNotAsExpected) {
    RunResults results = samples::all_as_expected();
    results.arms[0].trials.pop_back();
    EXPECT_FALSE(results.arms[0].as_expected());
    EXPECT_EQ(results.exit_status(), 1);
}

TEST(ArmResult, CountsItsVerdicts) {
    const std::map<Verdict, unsigned> expected = {{Verdict::held, 2}, {Verdict::oops, 1}, {Verdict::inconclusive, 1}};
    EXPECT_EQ(samples::not_as_expected().arms[0].counts(), expected);
}

TEST(SpreadOf, Nothing) {
    EXPECT_EQ(spread_of({}).median, 0);
    EXPECT_EQ(spread_of({}).p95, 0);
}

TEST(SpreadOf, One) {
    EXPECT_EQ(spread_of({0.5}).median, 0.5);
    EXPECT_EQ(spread_of({0.5}).p95, 0.5);
}

TEST(SpreadOf, MedianOfAnEvenNumberIsBetweenTheTwo) { EXPECT_EQ(spread_of({4, 1, 3, 2}).median, 2.5); }
TEST(SpreadOf, MedianOfAnOddNumberIsTheMiddleOne) { EXPECT_EQ(spread_of({9, 1, 3}).median, 3); }

TEST(SpreadOf, NearestRank) {
    std::vector<double> values;
    for (int n = 100; n >= 1; n--) values.push_back(n);
    EXPECT_EQ(spread_of(values).p95, 95);
    values.assign({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
    EXPECT_EQ(spread_of(values).p95, 19);
    EXPECT_EQ(spread_of({1, 2}).p95, 2);
}

TEST(Verdicts, NamesReadBack) {
    for (const auto name : verdict_names()) EXPECT_EQ(to_string(*parse_verdict(name)), name);
    EXPECT_FALSE(parse_verdict("fine").has_value());
}

}  // namespace
}  // namespace memrig
