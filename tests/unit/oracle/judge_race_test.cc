// The judge of a race: what `held` may rest on, and what keeps it from that.
#include <gtest/gtest.h>

#include "unit/support/mode_trial.h"

namespace memrig {
namespace {

// The sample's adder has finished; its onliner races.
class RaceTrial : public ModeTrial {
public:
    RaceTrial() : ModeTrial(Mode::directed) {
        without_await();
        Step step;
        step.kind = StepKind::race;
        step.race = Race{{"onliner"}, RaceBy::priorities, {}, 3, 60, {}, {}, {}};
        schedule.steps = {
            {StepKind::start, "adder", {}, false, {}}, {StepKind::finish, "adder", {}, false, {}}, step, Step{}};
        for (auto& actor : schedule.actors) actor.races = actor.name == "onliner";
        performance.race = RaceRecord{{{"onliner", "device_online", 1, "adder", false}}, 7, {}, true, {}};
    }
};

TEST(JudgeRace, HoldsIfItWasScheduledAndNoOracleObjects) {
    const Judgement judgement = RaceTrial().judged();
    EXPECT_EQ(judgement.verdict, Verdict::held) << judgement.reason;
    EXPECT_EQ(judgement.reason, "no oracle objects to this order: 1 switches, 1 of them preemptions, at 7 points");
}

TEST(JudgeRace, ProvesNothingIfNobodyScheduledIt) {
    RaceTrial trial;
    trial.performance.race.reset();
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "nothing was found; nothing was scheduled, so nothing is proven");
}

TEST(JudgeRace, ProvesNothingIfASwitchDidNotCome) {
    RaceTrial trial;
    trial.performance.race->complete = false;
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "not every switch of the race came to pass");
}

TEST(JudgeRace, ProvesNothingWithoutAnEnd) {
    RaceTrial trial;
    trial.performance.end = PlayEnd::expired;
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

TEST(JudgeRace, AnyAnswerToARacerWillDoButTheFiguresHaveToAddUp) {
    RaceTrial refused;
    for (auto& write : refused.performance.writes) write.error = EINVAL;
    EXPECT_EQ(refused.judged().verdict, Verdict::accounting) << "the blocks are online, and nobody was let do that";
    RaceTrial miscounted;
    miscounted.performance.after->figures.meminfo["MemTotal"]++;
    EXPECT_EQ(miscounted.judged().verdict, Verdict::accounting);
    RaceTrial crashed;
    crashed.crash();
    EXPECT_EQ(crashed.judged().verdict, Verdict::oops);
}

TEST(JudgeRace, TheRulesOfTheActorsBeforeItArePutToTheTest) {
    RaceTrial trial;
    std::erase_if(trial.rules.checks, [](const auto& check) { return check.first.rule == "R1"; });
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

}  // namespace
}  // namespace memrig
