// The judge and what QEMU and the kernel refuse: the refusal that is expected holds, none or another one convicts.
#include <cerrno>

#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

constexpr const char* kRefused = "GenericError: no free slots available";

// A DIMM that is refused, and nothing else.
class RefusedTrial : public SampleTrial {
public:
    RefusedTrial() {
        Actor& adder = schedule.actors[0];
        adder.refusals = {{"GenericError", "no free slots"}};
        schedule.actors = {adder};
        schedule.steps = {{StepKind::start, "adder", {}, false, {}}, Step{}};
        performance.holds.clear();
        performance.evidence.clear();
        performance.writes.clear();
        performance.plugged.clear();
        performance.after = performance.before;
        performance.answers = {{"adder", kRefused}};
    }
    [[nodiscard]] TrialEvidence evidence() const {
        TrialEvidence evidence = SampleTrial::evidence();
        evidence.rules = RuleEvidence{};  // nothing was added: no rule is at stake
        return evidence;
    }
    [[nodiscard]] Judgement judged() const { return judge(evidence()); }
};

TEST(JudgeOfRefusals, TheOneThatIsExpectedHolds) {
    const Judgement judgement = RefusedTrial().judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_EQ(judgement.reason, std::string("adder was refused: ") + kRefused);
}

TEST(JudgeOfRefusals, NoneIsConvicted) {
    RefusedTrial trial;
    trial.performance.answers["adder"] = "done";
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::accounting);
    EXPECT_EQ(judgement.reason, "adder: done, not GenericError: no free slots");
}

// The play ends where QEMU grants what it should refuse: the memory is not looked at.
TEST(JudgeOfRefusals, NoneIsConvictedWhereThePlayEndedForIt) {
    RefusedTrial trial;
    trial.performance.answers["adder"] = "done";
    trial.performance.after.reset();
    trial.performance.end = PlayEnd::expired;
    trial.performance.in_vain = "an expected refusal did not come";
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
    EXPECT_EQ(trial.judged().reason, "adder: done, not GenericError: no free slots");
    EXPECT_EQ(judge(trial.evidence(), {"crash"}).reason, "an expected refusal did not come");
    trial.schedule.actors[0].refusals.push_back({"console", "the kernel may still refuse"});
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

TEST(JudgeOfRefusals, ADeviceThatTheKernelGaveUpIsConvictedWithoutALookAtTheMemory) {
    SampleTrial trial;
    trial.performance.after.reset();
    trial.performance.end = PlayEnd::expired;
    TrialEvidence evidence = trial.evidence();
    EXPECT_EQ(judge(evidence, {}).verdict, Verdict::inconclusive);
    evidence.given_up = "virtio_mem virtio0: unknown error, marking device broken: -17";
    EXPECT_EQ(judge(evidence, {}).verdict, Verdict::accounting);
    EXPECT_EQ(judge(evidence, {}).reason, "the kernel gave a device up: " + evidence.given_up);
}

TEST(JudgeOfRefusals, AWriteThatShouldFailAndWasDoneIsConvictedWithoutALookAtTheMemory) {
    SampleTrial trial;
    trial.schedule.actors[1].expected = {EBUSY, EAGAIN};
    trial.performance.after.reset();
    trial.performance.end = PlayEnd::expired;
    EXPECT_EQ(trial.judged().reason, "onliner's write to memory32: done, not EBUSY or EAGAIN");
    trial.performance.writes[0].error = ENOMEM;
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive) << "another error may follow from what did not come to its end";
}

TEST(JudgeOfRefusals, AnotherOneIsConvicted) {
    RefusedTrial trial;
    trial.performance.answers["adder"] = "GenericError: not enough space";
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
    trial.performance.answers["adder"] = "DeviceNotFound: no free slots available";
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
}

TEST(JudgeOfRefusals, WithoutTheAccountingOracleAnotherOneIsNoGroundToHold) {
    RefusedTrial trial;
    trial.performance.answers["adder"] = "done";
    EXPECT_EQ(judge(trial.evidence(), {"crash"}).verdict, Verdict::inconclusive);
}

TEST(JudgeOfRefusals, WhatIsLeftOfItIsConvicted) {
    RefusedTrial trial;
    trial.performance.after->qemu.backends.insert("mem-adder");
    EXPECT_EQ(trial.judged().reason, "QEMU has the memory backend mem-adder");
    trial = RefusedTrial();
    trial.performance.after->qemu.devices.insert("dimm0");
    EXPECT_EQ(trial.judged().reason, "QEMU has the memory device dimm0");
    trial = RefusedTrial();
    trial.performance.after->blocks.push_back({32, "offline", "Normal Movable", 0, true});
    EXPECT_EQ(trial.judged().reason, "memory32 came without being asked for");
    trial = RefusedTrial();
    trial.performance.after->figures.meminfo["MemTotal"]--;
    EXPECT_EQ(trial.judged().verdict, Verdict::accounting);
}

TEST(JudgeOfRefusals, TheKernelsLeavesTheDeviceWithQemu) {
    RefusedTrial trial;
    trial.schedule.actors[0].refusals = {{"console", "unaligned hotplug range"}};
    trial.performance.answers["adder"] = "console: unaligned hotplug range";
    EXPECT_EQ(trial.judged().reason, "QEMU has no memory device dimm0");
    trial.performance.after->qemu = {{"dimm0"}, {"pc.ram", "mem-adder"}};
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
    trial.performance.answers["adder"] = "done";
    EXPECT_EQ(trial.judged().reason, "adder: done, not console: unaligned hotplug range");
}

TEST(JudgeOfRefusals, WhoIsNotExpectedToBeRefusedIsConvicted) {
    SampleTrial trial;
    EXPECT_EQ(trial.verdict(), Verdict::held);
    trial.performance.answers["adder"] = kRefused;
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

// The block that stays offline follows from the refusal of the write.
TEST(JudgeOfRefusals, AWriteThatFailedComesBeforeWhatFollowsFromIt) {
    SampleTrial trial;
    trial.performance.writes[0].error = 16;
    trial.performance.after->blocks.back().state = "offline";
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::accounting);
    EXPECT_EQ(judgement.reason, "onliner's write to memory32: EBUSY, not done");
    ASSERT_EQ(judgement.findings.size(), 1u);
    const auto& details = judgement.findings[0].details;
    EXPECT_EQ(details.front(), judgement.reason);
    EXPECT_NE(std::ranges::find(details, "memory32 is offline, not online"), details.end());
}

}  // namespace
}  // namespace memrig
