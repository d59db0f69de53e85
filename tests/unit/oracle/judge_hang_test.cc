// A hang is a conviction only with its evidence: a standstill.
#include <gtest/gtest.h>

#include "unit/support/finding_samples.h"

namespace memrig {
namespace {

TEST(JudgeOfHangs, AHangSaysThatNothingIsProven) {
    SampleTrial trial;
    trial.get_stuck();
    for (auto& look : trial.performance.stuck) look.cycle.reset();
    EXPECT_EQ(trial.judged().reason, "2 tasks are blocked and nothing moves, without a proven cycle");
}

// A hang without the evidence of a standstill is none.
TEST(JudgeOfHangs, ATaskThatRanBetweenTheLooksIsNoHang) {
    SampleTrial trial;
    trial.get_stuck();
    for (auto& look : trial.performance.stuck) look.cycle.reset();
    trial.performance.stuck[1].blocked[0].voluntary++;
    EXPECT_EQ(trial.judged().reason,
              "no end to the step: settle (no standstill: kworker/u4:1 (pid 71) ran in between)");
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

}  // namespace
}  // namespace memrig
