// The judge where the rig does not have all of a trial: limits that were passed.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

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

}  // namespace
}  // namespace memrig
