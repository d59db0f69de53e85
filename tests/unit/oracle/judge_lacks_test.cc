// The judge where the rig does not have all of a trial: limits that were passed, a guest without memory, no lockdep.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

bool is_accused_by(const Judgement& judgement, const std::string& oracle) {
    return std::ranges::find(judgement.findings, oracle, &Finding::oracle) != judgement.findings.end();
}

// --- limits of the rig

TEST(JudgeLacks, ATrialThatWasCutOffProvesNothing) {
    const SampleTrial trial;
    TrialEvidence evidence = trial.evidence();
    evidence.lacks = {"the console is cut off behind its first 16 MiB", "only the first 64 tasks are looked at"};
    const Judgement judgement = judge(evidence);
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "the console is cut off behind its first 16 MiB");
    ASSERT_EQ(judgement.findings.size(), 1u);
    EXPECT_EQ(judgement.findings[0].details, evidence.lacks);
    EXPECT_EQ(judge(evidence, {"crash"}).verdict, Verdict::inconclusive) << "no matter which oracles are asked";
}

TEST(JudgeLacks, ATrialThatWasCutOffConvictsAllTheSame) {
    SampleTrial trial;
    trial.crash();
    TrialEvidence evidence = trial.evidence();
    evidence.lacks = {"the console is cut off behind its first 16 MiB"};
    EXPECT_EQ(judge(evidence).verdict, Verdict::oops);
}

TEST(JudgeLacks, FilledMemoryThatNobodyLookedAtProvesNothing) {
    SampleTrial trial;
    Actor filler;
    filler.name = "load";
    filler.kind = ActorKind::filler;
    trial.schedule.actors.push_back(filler);
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "nobody looked whether the pages of load kept their content");
    trial.performance.after->figures.lost_pages["load"] = 0;
    EXPECT_EQ(trial.judged().verdict, Verdict::held) << trial.judged().reason;
    trial.performance.after->figures.lost_pages["load"] = 1;
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
}

// --- a guest without memory

constexpr const char* kNoMemoryPanic = "Kernel panic - not syncing: System is deadlocked on memory";

TEST(JudgeMemory, AGuestWithoutMemoryIsNoCrash) {
    SampleTrial trial;
    trial.crash();
    trial.performance.crashes[0].function = "panic";
    trial.print(ConsoleFindingKind::out_of_memory, "adder invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0");
    trial.print(ConsoleFindingKind::out_of_memory, kNoMemoryPanic);
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason,
              "the guest ran out of memory: adder invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0");
    EXPECT_FALSE(is_accused_by(judgement, "crash"));
    EXPECT_FALSE(is_accused_by(judgement, "console")) << "the kernel is not accused";
    EXPECT_EQ(judge(trial.evidence(), {"crash"}).reason, judgement.reason);
}

TEST(JudgeMemory, AnOopsOfAGuestWithoutMemoryIsAnOops) {
    SampleTrial trial;
    trial.crash();  // by way of oops_enter()
    trial.print(ConsoleFindingKind::out_of_memory, kNoMemoryPanic);
    EXPECT_EQ(trial.verdict(), Verdict::oops);
    SampleTrial printed;
    printed.crash();
    printed.performance.crashes[0].function = "panic";
    printed.print(ConsoleFindingKind::oops, "BUG: kernel NULL pointer dereference, address: 0000000000000090");
    printed.print(ConsoleFindingKind::out_of_memory, kNoMemoryPanic);
    EXPECT_EQ(printed.verdict(), Verdict::oops);
}

TEST(JudgeMemory, APanicOfAnotherCauseIsAnOops) {
    SampleTrial trial;
    trial.crash();
    trial.performance.crashes[0].function = "panic";
    trial.print(ConsoleFindingKind::out_of_memory, "Out of memory: Killed process 87 (helper) total-vm:1024kB");
    EXPECT_EQ(trial.verdict(), Verdict::oops) << "the guest lived on after that kill";
}

TEST(JudgeMemory, AGuestThatLivesOnWithoutMemoryProvesNothing) {
    SampleTrial trial;
    trial.print(ConsoleFindingKind::out_of_memory, "Out of memory: Killed process 87 (helper) total-vm:1024kB");
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

// --- lockdep that turned itself off

TEST(JudgeLockdepOff, IsToldAndConvictsNobody) {
    SampleTrial trial;
    trial.print(ConsoleFindingKind::lockdep_off, "BUG: MAX_LOCKDEP_CHAINS too low!");
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    ASSERT_EQ(judgement.findings.size(), 1u);
    EXPECT_EQ(judgement.findings[0].verdict, Verdict::held);
    EXPECT_EQ(judgement.findings[0].summary, "lockdep turned itself off: BUG: MAX_LOCKDEP_CHAINS too low!");
}

TEST(JudgeLockdepOff, HidesNoOtherReport) {
    SampleTrial trial;
    trial.print(ConsoleFindingKind::lockdep_off, "BUG: MAX_LOCKDEP_CHAINS too low!");
    trial.print(ConsoleFindingKind::warning, "WARNING: CPU: 1 PID: 2 at mm/slub.c:12 kfree+0x10/0x20");
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(JudgeLockdepOff, ProvesNothingIfTheConsoleAloneIsAsked) {
    SampleTrial trial;
    EXPECT_EQ(judge(trial.evidence(), {"console"}).verdict, Verdict::held);
    trial.print(ConsoleFindingKind::lockdep_off, "BUG: MAX_LOCKDEP_CHAINS too low!");
    const Judgement judgement = judge(trial.evidence(), {"console"});
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "only the oracle console was asked, and lockdep turned itself off");
}

}  // namespace
}  // namespace memrig
