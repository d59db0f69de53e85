// The judge on the locking rules and on lock order: what it convicts, what it only tells, and what goes before what.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

constexpr std::uint64_t kOther = 0xffffc90000020000;
constexpr const char* kJudgeLocksGate = "device_hotplug_lock";
constexpr const char* kJudgeLocksMemory = "mem_hotplug_lock";
constexpr const char* kDevice = "memory32's device lock";

struct Wanted {
    const char* lock;
    bool shared = false;
};

class LockTrial : public SampleTrial {
public:
    // One lock after the other, then all dropped in reverse.
    void nest(std::uint64_t task, const std::vector<Wanted>& locks) {
        for (const auto& lock : locks) add(task, LockAction::takes, lock);
        for (auto lock = locks.rbegin(); lock != locks.rend(); ++lock) add(task, LockAction::releases, *lock);
    }
    void add(std::uint64_t task, LockAction action, const Wanted& lock) {
        LockEvent event;
        event.task = task;
        event.action = action;
        event.lock = lock.lock;
        event.shared = lock.shared;
        event.where = fmt::format("{}+{:#x}", task == kSampleAdder ? "add_memory_resource" : "online_store", line_++);
        events_.push_back(event);
    }
    void breach(RuleBreach breach) { breaches_.push_back(std::move(breach)); }
    // Without device_hotplug_lock.
    void invert() {
        nest(kSampleAdder, {{kJudgeLocksMemory}, {kDevice}});
        nest(kSampleOnliner, {{kDevice}, {kJudgeLocksMemory}});
    }
    void break_rule() {
        breach({"R3", "memory_subsys_online", kJudgeLocksGate, kSampleOnliner, {"device_online+0x6c"}, {kDevice}});
    }

    [[nodiscard]] TrialEvidence evidence() const {
        TrialEvidence evidence = SampleTrial::evidence();
        evidence.locks = &events_;
        evidence.rules = RuleEvidence{breaches_, sample_checks(), {}};
        return evidence;
    }
    [[nodiscard]] Judgement judged() const { return judge(evidence()); }

private:
    std::vector<LockEvent> events_;
    std::vector<RuleBreach> breaches_;
    int line_ = 1;
};

std::vector<Verdict> verdicts_of(const Judgement& judgement) {
    std::vector<Verdict> verdicts;
    for (const auto& finding : judgement.findings) verdicts.push_back(finding.verdict);
    return verdicts;
}

// --- whose lock keeps an actor out

TEST(JudgeExclusion, HeldIfTheHeldActorOwnsTheLock) { EXPECT_EQ(LockTrial().judged().verdict, Verdict::held); }

// The lock was elided for the held actor, or a third task has it.
TEST(JudgeExclusion, NotHeldIfTheHeldActorDoesNotOwnTheLock) {
    for (const auto kind : {Observation::Kind::refused, Observation::Kind::blocked, Observation::Kind::asleep})
        for (const std::vector<std::string>& owners : {std::vector<std::string>{}, {"prober"}}) {
            LockTrial trial;
            trial.schedule.steps[3].any[0].kind = kind;
            trial.performance.evidence[0].evidence.kind = kind;
            EXPECT_EQ(trial.judged().verdict, Verdict::held);
            trial.performance.evidence[0].owners = owners;
            EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
        }
}

TEST(JudgeExclusion, NotHeldIfTheActorTookTheLockUnderTheHold) {
    LockTrial trial;
    trial.performance.evidence[0].revoked = true;
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

// The hold ended in the very stop of the observation: an actor that is about to get in looks the same.
TEST(JudgeExclusion, NotHeldIfAMomentDidNotLast) {
    for (const auto kind : {Observation::Kind::refused, Observation::Kind::blocked, Observation::Kind::queued}) {
        LockTrial trial;
        trial.schedule.steps[3].any[0].kind = kind;
        trial.performance.evidence[0].evidence.kind = kind;
        EXPECT_EQ(trial.judged().verdict, Verdict::held);
        trial.performance.evidence[0].lasted = false;
        EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    }
}

TEST(JudgeExclusion, ASleepNeedsNoDwell) {
    LockTrial trial;
    trial.schedule.steps[3].any[0].kind = Observation::Kind::asleep;
    trial.performance.evidence[0].evidence.kind = Observation::Kind::asleep;
    trial.performance.evidence[0].lasted = false;
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
}

TEST(JudgeExclusion, WithoutALedgerNobodysLocksAreKnown) {
    SampleTrial trial;
    trial.performance.evidence[0].owners.clear();
    EXPECT_EQ(trial.verdict(), Verdict::held);
}

// --- rules

TEST(JudgeRules, SilentWhereNoneWasBroken) { EXPECT_FALSE(rules_oracle(LockTrial().evidence())); }

TEST(JudgeRules, ABreachNamesRuleTaskFunctionCallerAndLocks) {
    LockTrial trial;
    trial.breach({"R3",
                  "memory_subsys_online",
                  kJudgeLocksGate,
                  kSampleOnliner,
                  {"device_online+0x6c", "online_store+0x68"},
                  {kDevice, "cpu_hotplug_lock"}});
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::rule_broken);
    EXPECT_EQ(judgement.reason,
              "R3: onliner entered memory_subsys_online() without device_hotplug_lock (by way of device_online+0x6c), "
              "holding memory32's device lock, cpu_hotplug_lock");
    ASSERT_EQ(judgement.findings.size(), 1u);
    EXPECT_EQ(judgement.findings[0].oracle, "rules");
}

TEST(JudgeRules, ATaskThatIsNoActorAndHoldsNothing) {
    LockTrial trial;
    trial.breach({"R1", "add_memory_resource", kJudgeLocksGate, kOther, {}, {}});
    EXPECT_EQ(
        trial.judged().reason,
        "R1: task ffffc90000020000 entered add_memory_resource() without device_hotplug_lock (by way of ?), holding "
        "nothing");
}

TEST(JudgeRules, EachBreachIsTold) {
    LockTrial trial;
    trial.break_rule();
    trial.breach(
        {"R4", "arch_add_memory", kJudgeLocksMemory, kSampleAdder, {"add_memory_resource+0x1"}, {kJudgeLocksGate}});
    const auto finding = rules_oracle(trial.evidence());
    ASSERT_TRUE(finding);
    ASSERT_EQ(finding->details.size(), 2u);
    EXPECT_EQ(finding->summary, finding->details[0]);
    EXPECT_TRUE(finding->details[1].starts_with("R4: adder entered arch_add_memory() without mem_hotplug_lock"));
}

// --- lock order

TEST(JudgeLockOrder, SilentWithoutALedgerAndWithoutAnInversion) {
    EXPECT_FALSE(lock_order_oracle(SampleTrial().evidence()));
    LockTrial trial;
    EXPECT_FALSE(lock_order_oracle(trial.evidence()));
    trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    EXPECT_FALSE(lock_order_oracle(trial.evidence()));
}

TEST(JudgeLockOrder, AnUngatedInversionNamesBothLocksAndBothPaths) {
    LockTrial trial;
    trial.invert();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::lock_order);
    EXPECT_EQ(judgement.reason, "mem_hotplug_lock and memory32's device lock are taken in both orders, with no gate");
    ASSERT_EQ(judgement.findings.size(), 1u);
    EXPECT_EQ(judgement.findings[0].oracle, "lock-order");
    EXPECT_EQ(
        judgement.findings[0].details,
        (std::vector<std::string>{
            "adder: mem_hotplug_lock (add_memory_resource+0x1), then memory32's device lock (add_memory_resource+0x2)",
            "onliner: memory32's device lock (online_store+0x5), then mem_hotplug_lock (online_store+0x6)"}));
}

TEST(JudgeLockOrder, AGatedInversionIsToldAsHeld) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_TRUE(judgement.reason.starts_with("onliner was refused device_hotplug_lock")) << judgement.reason;
    ASSERT_EQ(verdicts_of(judgement), std::vector{Verdict::held});
    EXPECT_EQ(judgement.findings[0].summary,
              "mem_hotplug_lock and memory32's device lock are taken in both orders, gated by device_hotplug_lock");
    EXPECT_EQ(judgement.findings[0].details.size(), 2u);
}

TEST(JudgeLockOrder, AGatedInversionIsNoRefusal) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
    trial.performance.evidence[0].evidence = {Observation::Kind::entered, "memory_subsys_online"};
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

TEST(JudgeLockOrder, AGateOfOneTaskOnlyIsNone) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
    EXPECT_EQ(trial.judged().verdict, Verdict::lock_order);
}

TEST(JudgeLockOrder, DifferentGatesAreNone) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{"acpi_scan_lock"}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
    EXPECT_EQ(trial.judged().verdict, Verdict::lock_order);
}

TEST(JudgeLockOrder, AGateHeldByReadersIsNone) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{"cpu_hotplug_lock", true}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{"cpu_hotplug_lock", true}, {kDevice}, {kJudgeLocksMemory}});
    EXPECT_EQ(trial.judged().verdict, Verdict::lock_order);
}

TEST(JudgeLockOrder, TwoReadersMakeNoInversion) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{"cpu_hotplug_lock", true}, {kJudgeLocksMemory}});
    trial.nest(kSampleOnliner, {{kJudgeLocksMemory}, {"cpu_hotplug_lock", true}});
    EXPECT_FALSE(lock_order_oracle(trial.evidence()));
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
}

TEST(JudgeLockOrder, AReaderAndAWriterMakeOne) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{"cpu_hotplug_lock", true}, {kJudgeLocksMemory}});
    trial.nest(kSampleOnliner, {{kJudgeLocksMemory}, {"cpu_hotplug_lock"}});
    EXPECT_EQ(trial.judged().verdict, Verdict::lock_order);
}

TEST(JudgeLockOrder, AnUngatedOneGoesBeforeAGatedOne) {
    for (const bool gated_first : {true, false}) {
        LockTrial trial;
        const auto gated = [&] {
            trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
            trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
        };
        if (gated_first) gated();
        trial.nest(kSampleAdder, {{"a"}, {"b"}});
        trial.nest(kSampleOnliner, {{"b"}, {"a"}});
        if (!gated_first) gated();
        const auto finding = lock_order_oracle(trial.evidence());
        ASSERT_TRUE(finding);
        EXPECT_EQ(finding->verdict, Verdict::lock_order);
        EXPECT_EQ(finding->summary, "a and b are taken in both orders, with no gate");
        // Only what convicts, not the gated one's paths.
        EXPECT_EQ(finding->details.size(), 2u);
    }
}

// --- cycles of more than two locks

TEST(JudgeLockOrder, AnUngatedCycleOfThreeLocksConvicts) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kDevice}, {"acpi_scan_lock"}});
    trial.nest(kOther, {{"acpi_scan_lock"}, {kJudgeLocksMemory}});
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::lock_order);
    EXPECT_EQ(
        judgement.reason,
        "mem_hotplug_lock, memory32's device lock and acpi_scan_lock are taken in a cycle by 3 tasks, with no gate");
    ASSERT_EQ(judgement.findings.size(), 1u);
    EXPECT_EQ(judgement.findings[0].oracle, "lock-order");
    EXPECT_EQ(
        judgement.findings[0].details,
        (std::vector<std::string>{
            "adder: mem_hotplug_lock (add_memory_resource+0x1), then memory32's device lock (add_memory_resource+0x2)",
            "onliner: memory32's device lock (online_store+0x5), then acpi_scan_lock (online_store+0x6)",
            "task ffffc90000020000: acpi_scan_lock (online_store+0x9), then mem_hotplug_lock (online_store+0xa)"}));
    const auto* key = std::get_if<InversionKey>(&judgement.findings[0].key);
    ASSERT_NE(key, nullptr);
    ASSERT_EQ(key->orders.size(), 3u);
    EXPECT_EQ(key->orders[2].task, "task ffffc90000020000");
    EXPECT_EQ(key->orders[2].first, "acpi_scan_lock");
    EXPECT_EQ(key->orders[2].then, kJudgeLocksMemory);
    EXPECT_TRUE(key->gates.empty());
}

TEST(JudgeLockOrder, AGatedCycleOfThreeLocksIsToldAsHeld) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kDevice}, {"acpi_scan_lock"}});
    trial.nest(kOther, {{kJudgeLocksGate}, {"acpi_scan_lock"}, {kJudgeLocksMemory}});
    const auto finding = lock_order_oracle(trial.evidence());
    ASSERT_TRUE(finding);
    EXPECT_EQ(finding->verdict, Verdict::held);
    EXPECT_EQ(finding->summary,
              "mem_hotplug_lock, memory32's device lock and acpi_scan_lock are taken in a cycle by 3 tasks, gated by "
              "device_hotplug_lock");
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
}

TEST(JudgeLockOrder, AnUngatedLongCycleGoesBeforeAGatedInversion) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
    trial.nest(kSampleAdder, {{"a"}, {"b"}});
    trial.nest(kSampleOnliner, {{"b"}, {"c"}});
    trial.nest(kOther, {{"c"}, {"a"}});
    EXPECT_EQ(trial.judged().reason, "a, b and c are taken in a cycle by 3 tasks, with no gate");
}

// All cycles lead from the last lock to the first one, and are gated there. But there are too many ways in between.
TEST(JudgeLockOrder, ASearchThatWasGivenUpProvesNothing) {
    LockTrial trial;
    constexpr std::size_t kLocks = 14;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kLocks; i++) names.push_back(fmt::format("lock {}", i));
    trial.nest(1, {{"gate"}, {names.back().c_str()}, {names.front().c_str()}});
    for (std::uint64_t task = 2; task < 2 + kLocks; task++) {
        for (std::size_t to = 1; to < kLocks; to++)
            trial.nest(task, {{"gate"}, {names.front().c_str()}, {names[to].c_str()}});
        for (std::size_t from = 1; from < kLocks; from++)
            for (std::size_t to = from + 1; to < kLocks; to++)
                trial.nest(task, {{names[from].c_str()}, {names[to].c_str()}});
    }
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "the search for cycles of locks was given up before its end");
    EXPECT_EQ(judge(trial.evidence(), {"crash"}).verdict, Verdict::held) << "nobody asked for the lock order";
}

// --- several at once

TEST(JudgeGravity, RuleBrokenGoesBeforeLockOrder) {
    LockTrial trial;
    trial.break_rule();
    trial.invert();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::rule_broken);
    EXPECT_EQ(verdicts_of(judgement), (std::vector{Verdict::rule_broken, Verdict::lock_order}));
}

TEST(JudgeGravity, ACrashGoesBeforeBoth) {
    LockTrial trial;
    trial.break_rule();
    trial.invert();
    trial.crash();
    EXPECT_EQ(verdicts_of(trial.judged()),
              (std::vector{Verdict::oops, Verdict::rule_broken, Verdict::lock_order, Verdict::inconclusive}));
}

TEST(JudgeGravity, ADeadlockGoesBeforeBoth) {
    LockTrial trial;
    trial.break_rule();
    trial.invert();
    trial.get_stuck();
    EXPECT_EQ(verdicts_of(trial.judged()),
              (std::vector{Verdict::deadlock, Verdict::rule_broken, Verdict::lock_order, Verdict::inconclusive}));
}

TEST(JudgeGravity, LockOrderGoesBeforeAHungTaskAndTheAccounting) {
    LockTrial trial;
    trial.invert();
    trial.print(ConsoleFindingKind::hung_task, "task onliner:90 blocked for more than 120 seconds");
    trial.performance.writes[0].error = 16;
    EXPECT_EQ(verdicts_of(trial.judged()), (std::vector{Verdict::lock_order, Verdict::hang, Verdict::accounting}));
}

TEST(JudgeGravity, AGatedInversionComesLast) {
    LockTrial trial;
    trial.nest(kSampleAdder, {{kJudgeLocksGate}, {kJudgeLocksMemory}, {kDevice}});
    trial.nest(kSampleOnliner, {{kJudgeLocksGate}, {kDevice}, {kJudgeLocksMemory}});
    trial.performance.writes[0].error = 16;
    EXPECT_EQ(verdicts_of(trial.judged()), (std::vector{Verdict::accounting, Verdict::held}));
}

}  // namespace
}  // namespace memrig
