// The judge where a vCPU is plugged, or an actor has to wait for another one's work: what counts as held, and what does
// not add up.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

Actor actor(const std::string& name, ActorKind kind) {
    Actor made;
    made.name = name;
    made.kind = kind;
    return made;
}

// A vCPU was plugged and onlined beside the sample's race.
struct VcpuTrial : SampleTrial {
    VcpuTrial() {
        schedule.actors.push_back(actor("vcpu", ActorKind::vcpu_plugger));
        schedule.actors.push_back(actor("starter", ActorKind::vcpu_onliner));
        performance.vcpus_before = {3, 3};
        performance.vcpus_after = {4, 4};
    }
};

TEST(JudgeVcpus, OneThatIsThereAndInUseIsAccountedFor) { EXPECT_EQ(VcpuTrial().verdict(), Verdict::held); }

TEST(JudgeVcpus, OneThatIsMissingOrUnusedIsNot) {
    for (const VcpuFigures figures : {VcpuFigures{3, 3}, VcpuFigures{4, 3}, VcpuFigures{4, 5}}) {
        VcpuTrial trial;
        trial.performance.vcpus_after = figures;
        EXPECT_EQ(trial.verdict(), Verdict::accounting) << figures.present << " " << figures.online;
    }
}

TEST(JudgeVcpus, OneThatTheKernelBringsOnlineIsInUse) {
    VcpuTrial trial;
    trial.schedule.actors.pop_back();
    trial.schedule.actors.back().onlined_by_kernel = true;
    EXPECT_EQ(trial.verdict(), Verdict::held);
    trial.performance.vcpus_after = {4, 3};
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

TEST(JudgeVcpus, AWriteToAFileThatFailedIsNot) {
    VcpuTrial trial;
    trial.performance.writes.push_back({"starter", 0, 16, SteadyTime{}});
    const Judgement judged = trial.judged();
    EXPECT_EQ(judged.verdict, Verdict::accounting);
    EXPECT_EQ(judged.reason, "starter's write: EBUSY, not done");
}

// The sample's race, where the step asks for this, and this was seen.
Verdict verdict_where(const std::vector<Observation>& asked, const std::vector<Observation>& seen) {
    SampleTrial trial;
    for (auto& step : trial.schedule.steps)
        if (step.kind == StepKind::await) step.any = asked;
    const EvidenceRecord record = trial.performance.evidence.front();
    trial.performance.evidence.clear();
    for (const auto& one : seen) {
        trial.performance.evidence.push_back(record);
        trial.performance.evidence.back().evidence = one;
    }
    return trial.verdict();
}

const Observation kQueued{Observation::Kind::queued, "acpi_hotplug_schedule"};
const Observation kEntered{Observation::Kind::entered, "acpi_device_hotplug"};
const Observation kBlocked{Observation::Kind::blocked, "mem_hotplug_lock"};
const Observation kJudgeVcpusRefused{Observation::Kind::refused, "device_hotplug_lock"};

TEST(JudgeWaiting, WhoseWorkIsQueuedIsKeptOutAsLongAsItDoesNotBegin) {
    EXPECT_EQ(verdict_where({kQueued, kEntered}, {kQueued}), Verdict::held);
    EXPECT_EQ(verdict_where({kQueued, kEntered}, {kQueued, kEntered}), Verdict::inconclusive);
}

TEST(JudgeWaiting, WhoWaitsIsKeptOutWhereNothingIsTried) {
    EXPECT_EQ(verdict_where({kBlocked, kEntered}, {kBlocked}), Verdict::held);
    EXPECT_EQ(verdict_where({kBlocked, kEntered}, {kBlocked, kEntered}), Verdict::inconclusive);
    EXPECT_EQ(verdict_where({kJudgeVcpusRefused, kBlocked}, {kBlocked}), Verdict::inconclusive);
}

// --- the order that a scenario claims

LockEvent takes(std::uint64_t task, const std::string& lock) {
    LockEvent event;
    event.task = task;
    event.action = LockAction::takes;
    event.lock = lock;
    event.where = "caller";
    return event;
}

Judgement judged_with(const std::vector<LockEvent>& locks) {
    SampleTrial trial;
    trial.schedule.lock_order = {{"cpu_hotplug_lock", "mem_hotplug_lock"}};
    TrialEvidence evidence = trial.evidence();
    evidence.locks = &locks;
    return judge(evidence);
}

TEST(JudgeLockOrder, AClaimThatWasSeenHolds) {
    EXPECT_EQ(judged_with({takes(kSampleAdder, "cpu_hotplug_lock"), takes(kSampleAdder, "mem_hotplug_lock")}).verdict,
              Verdict::held);
}

// Where nobody is held, and nobody waits.
TEST(JudgeLockOrder, AClaimThatWasSeenIsGroundEnough) {
    const std::vector<LockEvent> locks = {takes(kSampleAdder, "cpu_hotplug_lock"),
                                          takes(kSampleAdder, "mem_hotplug_lock")};
    SampleTrial trial;
    std::erase_if(trial.schedule.steps,
                  [](const Step& step) { return step.kind == StepKind::hold || step.kind == StepKind::await; });
    const auto judged = [&] {
        TrialEvidence evidence = trial.evidence();
        evidence.locks = &locks;
        return judge(evidence);
    };
    EXPECT_EQ(judged().verdict, Verdict::inconclusive);
    trial.schedule.lock_order = {{"cpu_hotplug_lock", "mem_hotplug_lock"}};
    EXPECT_EQ(judged().verdict, Verdict::held);
    EXPECT_EQ(judged().reason, "cpu_hotplug_lock is taken before mem_hotplug_lock");
}

TEST(JudgeLockOrder, AClaimThatWasNotSeenProvesNothing) {
    const Judgement judged = judged_with({takes(kSampleAdder, "cpu_hotplug_lock")});
    EXPECT_EQ(judged.verdict, Verdict::inconclusive);
    EXPECT_EQ(judged.reason, "nobody was seen taking cpu_hotplug_lock before mem_hotplug_lock");
}

TEST(JudgeLockOrder, AClaimThatIsBrokenConvicts) {
    const Judgement judged = judged_with({takes(kSampleAdder, "mem_hotplug_lock")});
    EXPECT_EQ(judged.verdict, Verdict::lock_order);
    EXPECT_EQ(judged.reason, "adder takes mem_hotplug_lock without cpu_hotplug_lock, which comes before it (caller)");
}

}  // namespace
}  // namespace memrig
