// The judge of a call that was made to fail: all of the work or none of it, no warning, and figures that add up at the
// check and at the end.
#include <cerrno>

#include <gtest/gtest.h>

#include "oracle/outcomes.h"
#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

// The adder adds a block, the onliner is refused (its allocation fails), and tries again with success.
class FailedTrial : public SampleTrial {
public:
    FailedTrial() {
        schedule.actors[1].may_fail = true;
        Actor again = schedule.actors[1];
        again.name = "again";
        again.may_fail = false;
        again.again_of = "onliner";
        schedule.actors.push_back(again);
        const auto step = [](StepKind kind, const std::string& actor) { return Step{kind, actor, {}, false, {}}; };
        schedule.steps = {step(StepKind::start, "adder"),   step(StepKind::finish, "adder"),
                          step(StepKind::start, "onliner"), step(StepKind::finish, "onliner"),
                          step(StepKind::check, ""),        step(StepKind::start, "again"),
                          step(StepKind::finish, "again"),  Step{}};
        performance.holds.clear();
        performance.evidence.clear();
        performance.writes = {{"onliner", 32, ENOMEM, SteadyTime{}}, {"again", 32, 0, SteadyTime{}}};
        MemorySnapshot offline = performance.before;
        offline.qemu = performance.after->qemu;
        offline.blocks.push_back({32, "offline", "", 0, false});
        performance.checks = {{4, offline}};
        failure = {{"onliner", "pcpu_alloc", {"setup_zone_pageset", "online_pages"}, 1, 0}, 1, true};
    }
    [[nodiscard]] TrialEvidence evidence() const {
        TrialEvidence evidence = SampleTrial::evidence();
        evidence.failures = {failure};
        return evidence;
    }
    [[nodiscard]] Judgement judged() const { return judge(evidence()); }

    FailureEvidence failure;
};

TEST(JudgeOfFailures, ARefusalThatLeavesAllAsBeforeHolds) {
    const Judgement judgement = FailedTrial().judged();
    EXPECT_EQ(judgement.verdict, Verdict::held) << judgement.reason;
    EXPECT_EQ(judgement.reason,
              "pcpu_alloc() for onliner, by way of setup_zone_pageset < online_pages (call 1 of this path) failed, and "
              "onliner was refused with everything as before; all adds up at each check and at the end");
}

TEST(JudgeOfFailures, WorkThatIsDoneAllTheSameHolds) {
    FailedTrial trial;
    trial.performance.writes[0].error = 0;
    trial.performance.checks[0].memory = *trial.performance.after;
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::held) << judgement.reason;
    EXPECT_NE(judgement.reason.find("did all of its work"), std::string::npos);
}

TEST(JudgeOfFailures, AWriteThatIsRefusedAndDoneAllTheSameIsConvicted) {
    FailedTrial trial;
    trial.performance.checks[0].memory = *trial.performance.after;
    EXPECT_EQ(trial.judged().reason, "at the check: memory32 is online, not offline");
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
}

TEST(JudgeOfFailures, ACounterThatIsNotPutBackIsConvicted) {
    FailedTrial trial;
    trial.performance.checks[0].memory.figures.meminfo["MemTotal"] += 4;
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
}

TEST(JudgeOfFailures, TheSameWorkHasToSucceedAfterwards) {
    FailedTrial trial;
    trial.performance.writes[1].error = EBUSY;
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
}

TEST(JudgeOfFailures, AWarningConvictsOnlyWhereACallFailed) {
    FailedTrial trial;
    trial.print(ConsoleFindingKind::warning, "WARNING: CPU: 1 at mm/memory_hotplug.c", "add_pages");
    EXPECT_EQ(trial.judged().verdict, Verdict::warning);
    trial.failure.came_to_pass = false;
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

TEST(JudgeOfFailures, ACallThatNeverCameProvesNothing) {
    FailedTrial trial;
    trial.failure.came_to_pass = false;
    trial.failure.calls = 0;
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason,
              "only 0 calls came of pcpu_alloc() for onliner, by way of setup_zone_pageset < online_pages (call 1 of "
              "this path): nothing failed");
}

TEST(JudgeOfFailures, ACheckThatWasNotMadeProvesNothing) {
    FailedTrial trial;
    trial.schedule.steps.insert(trial.schedule.steps.end() - 1, Step{StepKind::check, "", {}, false, {}});
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "the memory was looked at 1 times on the way, not 2");
}

// Where an allocation was made to fail, the kernel may say so.
TEST(JudgeOfFailures, AMessageThatThereIsNoMemoryConvictsNobody) {
    for (const char* said : {"adder: page allocation failure: order:0", "adder: vmemmap alloc failure: order:9"}) {
        FailedTrial trial;
        trial.print(ConsoleFindingKind::warning, said);
        EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive) << said;
    }
}

// A device comes whole or not at all.
TEST(JudgeOfFailures, AnAdderWhoseBlocksAreNotThereWasRefused) {
    FailedTrial trial;
    trial.schedule.actors[0].may_fail = true;
    trial.performance.plugged["adder"] = {32, 33};
    MemorySnapshot& memory = trial.performance.checks[0].memory;
    EXPECT_TRUE(refused_of(trial.schedule, trial.performance, memory).contains("onliner"));
    EXPECT_FALSE(refused_of(trial.schedule, trial.performance, memory).contains("adder"));
    std::erase_if(memory.blocks, [](const MemoryBlock& block) { return block.id == 32; });
    EXPECT_EQ(refused_of(trial.schedule, trial.performance, memory)["adder"], (std::set<std::uint64_t>{32, 33}));
}

}  // namespace
}  // namespace memrig
