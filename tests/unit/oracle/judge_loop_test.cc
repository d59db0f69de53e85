// The judge and a loop: what is left behind in each round convicts, and what was not looked at is no pass.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

SampleTrial loop_of(std::vector<std::uint64_t> objects) {
    SampleTrial trial;
    trial.schedule.rounds = 20;
    trial.schedule.warm_up = 8;
    std::erase_if(trial.schedule.steps, [](const Step& step) {
        return step.kind == StepKind::hold || step.kind == StepKind::await || step.kind == StepKind::release;
    });
    trial.performance.holds.clear();
    trial.performance.evidence.clear();
    auto looks = trial.schedule.looks();
    while (looks.size() < objects.size()) looks.push_back(looks.back() + kFurtherRounds);
    for (std::size_t i = 0; i < objects.size(); i++)
        trial.performance.footprints.push_back({looks.at(i), {}, {{"objects in slab kmalloc-1k", objects[i]}}});
    return trial;
}

TEST(JudgeLoop, ALoopThatLeavesNothingBehindHolds) {
    EXPECT_EQ(loop_of({100, 109, 107, 108}).verdict(), Verdict::held);
}

TEST(JudgeLoop, ALoopThatLeavesAnObjectARoundBehindDoesNotAddUp) {
    EXPECT_EQ(loop_of({100, 104, 108, 112, 115, 118, 121, 124, 127, 130}).verdict(), Verdict::accounting);
}

// Each stretch has grown by chance on a control: 3 objects in each of 3 rounds, and one slab of 42 objects.
TEST(JudgeLoop, ASuspicionAloneDoesNotConvict) {
    EXPECT_EQ(loop_of({100, 104, 108, 112}).judged().reason,
              "not looked at in 6 further stretches: objects in slab kmalloc-1k");
    EXPECT_EQ(loop_of({100, 104, 108, 112, 115, 118, 121, 124, 127}).verdict(), Verdict::inconclusive);
}

TEST(JudgeLoop, ASuspicionThatIsNotConfirmedIsDroppedAndTold) {
    const Judgement judgement = loop_of({100, 104, 108, 150, 149}).judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_NE(judgement.reason.find("(suspected, and then not confirmed: objects in slab kmalloc-1k grew by 50 up to "
                                    "round 20, and by 49 up to round 23)"),
              std::string::npos)
        << judgement.reason;
    EXPECT_EQ(loop_of({100, 104, 108, 112, 115, 118, 121, 124, 127, 129}).verdict(), Verdict::held);
}

TEST(JudgeLoop, ALoopThatWasNotLookedAtEachTimeIsNoPass) {
    EXPECT_EQ(loop_of({100, 100, 100}).verdict(), Verdict::inconclusive);
    EXPECT_EQ(loop_of({}).verdict(), Verdict::inconclusive);
}

TEST(JudgeLoop, ALoopWhoseObjectsNobodyCountsIsNoPass) {
    SampleTrial trial = loop_of({100, 100, 100, 100});
    for (auto& footprint : trial.performance.footprints) footprint.counters.clear();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(JudgeLoop, ALoopWhoseDeviceStaysDoesNotAddUp) {
    SampleTrial trial = loop_of({100, 100});
    trial.performance.answers["adder"] = "still plugged";
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

}  // namespace
}  // namespace memrig
