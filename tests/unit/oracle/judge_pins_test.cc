// The judge and pages that are pinned: who has to wait for one is seen to, or is convicted.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

const Observation kStalled{Observation::Kind::stalled, "do_migrate_range"};

// The onliner waits for a page that somebody has pinned.
class PinnedTrial : public SampleTrial {
public:
    PinnedTrial() {
        Actor pinner;
        pinner.name = "pinner";
        pinner.kind = ActorKind::pinner;
        schedule.actors.push_back(pinner);
        schedule.steps = {
            {StepKind::start, "adder", {}, false, {}},    {StepKind::start, "pinner", {}, false, {}},
            {StepKind::start, "onliner", {}, false, {}},  {StepKind::await, "onliner", {}, false, {kStalled}},
            {StepKind::release, "pinner", {}, false, {}}, Step{}};
        performance.holds = {{"pinner", "a page", 0, 32, SteadyTime{}, SteadyTime{}, 0x100007}};
        performance.evidence = {
            {"onliner", kStalled, SteadyTime{}, "3 times running from page frame 0x100007 on", {"pinner"}}};
    }
};

TEST(JudgeOfPins, WhoStallsOnThePageHolds) {
    const Judgement judgement = PinnedTrial().judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_EQ(judgement.reason,
              "onliner was stalled do_migrate_range (3 times running from page frame 0x100007 on) "
              "while pinner kept a page of memory32 pinned");
}

TEST(JudgeOfPins, WhoWasNotSeenToProvesNothing) {
    PinnedTrial trial;
    trial.performance.evidence.clear();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
    trial = PinnedTrial();
    trial.performance.evidence[0].during.clear();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive) << "the page was free by then";
}

TEST(JudgeOfPins, WhoFinishedBeforeIsConvicted) {
    PinnedTrial trial;
    trial.performance.evidence.clear();
    trial.performance.overtaking = {"onliner did not wait for pinner, which kept a page of memory32 pinned"};
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::accounting);
    EXPECT_EQ(judgement.reason, trial.performance.overtaking[0]);
}

TEST(JudgeOfPins, WhoFinishedBeforeItAfterAllIsConvicted) {
    PinnedTrial trial;
    trial.performance.overtaking = {"onliner did not wait for pinner, which kept a page of memory32 pinned"};
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

}  // namespace
}  // namespace memrig
