// The judge: a trial that held, and everything that can be wrong with it.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

bool has_oracle(const Judgement& judgement, const std::string& oracle) {
    return std::ranges::find(judgement.findings, oracle, &Finding::oracle) != judgement.findings.end();
}

TEST(Judge, AControlThatHeldSaysOnWhatItRests) {
    const Judgement judgement = SampleTrial().judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_TRUE(judgement.findings.empty());
    EXPECT_EQ(judgement.reason,
              "onliner was refused device_hotplug_lock (online_store+0x43) while adder was held at bus_probe_device "
              "with memory32 visible");
}

TEST(Judge, OraclesAreSilentOnAControlThatHeld) {
    const SampleTrial trial;
    EXPECT_FALSE(crash_oracle(trial.evidence()));
    EXPECT_FALSE(deadlock_oracle(trial.evidence()));
    EXPECT_FALSE(console_oracle(trial.evidence()));
    EXPECT_FALSE(accounting_oracle(trial.evidence()));
    EXPECT_FALSE(evidence_oracle(trial.evidence()));
}

// --- held needs everything

TEST(Judge, NotHeldWithoutTheRefusal) {
    SampleTrial trial;
    trial.performance.evidence.clear();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfTheRefusalCameAfterTheHold) {
    SampleTrial trial;
    trial.performance.evidence[0].during.clear();
    EXPECT_TRUE(evidence_oracle(trial.evidence()));
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfSomebodyElseWasRefused) {
    SampleTrial trial;
    trial.performance.evidence[0].actor = "adder";
    EXPECT_TRUE(evidence_oracle(trial.evidence()));
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfSomebodyElseWasRefusedAndTheOnlinerOnlyWaited) {
    SampleTrial trial;
    trial.schedule.steps[3].any.push_back({Observation::Kind::blocked, "mem_hotplug_lock"});
    trial.performance.evidence[0].actor = "adder";
    trial.performance.evidence.push_back(
        {"onliner", {Observation::Kind::blocked, "mem_hotplug_lock"}, {}, "online_pages+0x41", {"adder"}});
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfItWasAnotherLock) {
    SampleTrial trial;
    trial.performance.evidence[0].evidence.subject = "acpi_scan_lock";
    EXPECT_TRUE(evidence_oracle(trial.evidence()));
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfTheOnlinerGotInWithoutHarm) {
    SampleTrial trial;
    trial.performance.evidence[0].evidence = {Observation::Kind::entered, "memory_subsys_online"};
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfTheOnlinerGotInAndAnotherLockRefusedIt) {
    SampleTrial trial;
    trial.performance.evidence[0].evidence = {Observation::Kind::entered, "memory_subsys_online"};
    trial.performance.evidence.push_back(
        {"onliner", {Observation::Kind::refused, "acpi_scan_lock"}, {}, "somewhere+0x1", {"adder"}});
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfTheOnlinerWasRefusedAndThenGotInUnderTheSameHold) {
    SampleTrial trial;
    trial.performance.evidence.push_back(
        {"onliner", {Observation::Kind::entered, "memory_subsys_online"}, {}, "memory_subsys_online+0x0", {"adder"}});
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, HeldIfTheOnlinerGotInAfterTheRelease) {
    SampleTrial trial;
    trial.performance.evidence.push_back(
        {"onliner", {Observation::Kind::entered, "memory_subsys_online"}, {}, "memory_subsys_online+0x0", {}});
    EXPECT_EQ(trial.verdict(), Verdict::held);
}

TEST(Judge, NotHeldWithoutTheHold) {
    SampleTrial trial;
    trial.performance.holds.clear();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "adder was never held at bus_probe_device");
}

TEST(Judge, NotHeldWithoutALookAtTheMemoryAfterwards) {
    SampleTrial trial;
    trial.performance.after.reset();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfAStepsDeadlinePassed) {
    SampleTrial trial;
    trial.performance.end = PlayEnd::expired;
    trial.performance.step = "await onliner: refused device_hotplug_lock";
    trial.performance.after.reset();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_NE(judgement.reason.find("await onliner"), std::string::npos);
}

TEST(Judge, NotHeldIfNothingWasElidedInAMutantArm) {
    SampleTrial trial;
    trial.elide(0);
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "lock_device_hotplug was never called by acpi_device_hotplug: nothing was elided");
}

TEST(Judge, AMutantThatIsNotCaughtMayHold) {
    SampleTrial trial;
    trial.elide(1);
    EXPECT_EQ(trial.verdict(), Verdict::held);
}

// --- crashes

TEST(Judge, AnOopsInTheControlArmIsAnOops) {
    SampleTrial trial;
    trial.crash();
    trial.print(ConsoleFindingKind::oops, "BUG: kernel NULL pointer dereference, address: 0000000000000090",
                "zone_for_pfn_range");
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::oops);
    EXPECT_EQ(judgement.reason,
              "onliner crashed in zone_for_pfn_range: BUG: kernel NULL pointer dereference, address: 0000000000000090");
    EXPECT_EQ(judgement.findings[0].details, (std::vector<std::string>{"zone_for_pfn_range", "memory_block_online"}));
}

TEST(Judge, ACrashThatOnlyTheProbeSaw) {
    SampleTrial trial;
    trial.crash("");
    EXPECT_EQ(trial.judged().reason, "the kernel entered oops_enter()");
    EXPECT_EQ(trial.verdict(), Verdict::oops);
}

TEST(Judge, ACrashThatOnlyTheConsoleShows) {
    for (const auto kind : {ConsoleFindingKind::oops, ConsoleFindingKind::panic, ConsoleFindingKind::sanitizer,
                            ConsoleFindingKind::other_bug}) {
        SampleTrial trial;
        trial.print(kind, "BUG: something");
        EXPECT_EQ(trial.verdict(), Verdict::oops) << to_string(kind);
        EXPECT_FALSE(has_oracle(trial.judged(), "console")) << "one finding is enough for one report";
    }
}

TEST(Judge, AMutantThatCrashesIsCaughtThoughNobodyWasRefused) {
    SampleTrial trial;
    trial.get_in();
    trial.crash();
    EXPECT_EQ(trial.verdict(), Verdict::oops);
}

TEST(Judge, AMutantThatCrashesBeforeTheHoldIsCaught) {
    SampleTrial trial;
    trial.elide(1);
    trial.performance.holds.clear();
    trial.performance.evidence.clear();
    trial.crash();
    EXPECT_EQ(trial.verdict(), Verdict::oops);
}

// --- deadlock and hang

TEST(Judge, TheSameCycleTwiceIsADeadlock) {
    SampleTrial trial;
    trial.get_stuck();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::deadlock);
    EXPECT_EQ(judgement.reason,
              "adder holds mem_hotplug_lock and waits for memory32's device lock (__device_attach+0x2f); "
              "onliner holds memory32's device lock and waits for mem_hotplug_lock (online_pages+0x41)");
    const std::vector<std::string> drawn = {"adder",
                                            "  |- holds     mem_hotplug_lock, taken in add_memory_resource+0x9f",
                                            "  '- waits for memory32's device lock in __device_attach+0x2f",
                                            "       '-> held by onliner",
                                            "onliner",
                                            "  |- holds     memory32's device lock, taken in device_online+0x1c",
                                            "  '- waits for mem_hotplug_lock in online_pages+0x41",
                                            "       '-> held by adder: the cycle is closed",
                                            "kworker/u4:1 (pid 71, D): __mutex_lock < __device_attach",
                                            "onliner (pid 90, D): percpu_down_write < online_pages"};
    EXPECT_EQ(judgement.findings[0].details, drawn);
}

TEST(Judge, ACycleOfAStrangerNamesItsTask) {
    SampleTrial trial;
    trial.get_stuck();
    trial.performance.tasks.erase("adder");
    EXPECT_NE(trial.judged().reason.find("task ffffc90000004000 holds mem_hotplug_lock and waits for"),
              std::string::npos);
}

TEST(Judge, ACycleSeenOnceIsNoDeadlock) {
    for (const std::size_t look : {0u, 1u}) {
        SampleTrial trial;
        trial.get_stuck();
        trial.performance.stuck[look].cycle.reset();
        EXPECT_EQ(trial.verdict(), Verdict::inconclusive) << look;
        EXPECT_EQ(trial.judged().reason,
                  "no end to the step: settle (no standstill: the cycle is not the same in both looks)");
    }
}

TEST(Judge, ADifferentCycleIsNoDeadlock) {
    SampleTrial trial;
    trial.get_stuck();
    (*trial.performance.stuck[1].cycle)[0].wants.task++;
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
    trial.get_stuck();
    (*trial.performance.stuck[1].cycle)[0].wants.instance++;
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
    trial.get_stuck();
    trial.performance.stuck[1].cycle->pop_back();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, WhoIsNotInTheCycleMayGoOn) {
    SampleTrial trial;
    trial.get_stuck();
    trial.performance.stuck[1].blocked.push_back({91, "other", 'D', {"msleep", "lock_device_hotplug_sysfs"}});
    EXPECT_EQ(trial.verdict(), Verdict::deadlock);
}

TEST(Judge, ALockEventInBetweenIsNoDeadlock) {
    SampleTrial trial;
    trial.get_stuck();
    trial.performance.stuck[1].lock_events++;
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, OneLookIsNoDeadlock) {
    SampleTrial trial;
    trial.get_stuck();
    trial.performance.stuck.pop_back();
    EXPECT_NE(trial.verdict(), Verdict::deadlock);
    EXPECT_NE(trial.verdict(), Verdict::held);
}

TEST(Judge, LooksAtATrialThatWentOnAreNoFinding) {
    SampleTrial trial;
    trial.get_stuck();
    trial.performance.end = PlayEnd::finished;
    EXPECT_FALSE(deadlock_oracle(trial.evidence()));
}

// --- the console

TEST(Judge, ANoisyConsoleIsNotHeld) {
    const std::pair<ConsoleFindingKind, Verdict> table[] = {{ConsoleFindingKind::warning, Verdict::inconclusive},
                                                            {ConsoleFindingKind::rcu_stall, Verdict::inconclusive},
                                                            {ConsoleFindingKind::soft_lockup, Verdict::inconclusive},
                                                            {ConsoleFindingKind::hung_task, Verdict::hang},
                                                            {ConsoleFindingKind::lockdep, Verdict::lock_order}};
    for (const auto& [kind, verdict] : table) {
        SampleTrial trial;
        trial.print(kind, "the headline");
        const Judgement judgement = trial.judged();
        EXPECT_EQ(judgement.verdict, verdict) << to_string(kind);
        EXPECT_EQ(judgement.reason, "the console is not quiet: the headline");
    }
}

TEST(Judge, TheGravestLineOfTheConsoleCounts) {
    for (const bool reversed : {false, true}) {
        SampleTrial trial;
        trial.print(ConsoleFindingKind::warning, "a warning");
        trial.print(ConsoleFindingKind::lockdep, "an inversion");
        trial.print(ConsoleFindingKind::hung_task, "a hung task");
        if (reversed) std::ranges::reverse(trial.console.findings);
        EXPECT_EQ(trial.judged().reason, "the console is not quiet: an inversion");
    }
}

// --- accounting

TEST(Judge, MemoryThatDoesNotAddUpIsAccounting) {
    SampleTrial trial;
    trial.performance.after->figures.meminfo["MemTotal"]++;
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

TEST(Judge, AWriteThatFailedIsAccounting) {
    SampleTrial trial;
    trial.performance.writes[0].error = 16;
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::accounting);
    EXPECT_EQ(judgement.reason, "onliner's write to memory32: EBUSY, not done");
}

TEST(Judge, ThePluggersNodeIsWhereTheBlocksBelong) {
    SampleTrial trial;
    trial.schedule.actors[0].node = 1;
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

// --- order of gravity

TEST(Judge, TheGravestFindingDecides) {
    SampleTrial trial;
    trial.performance.evidence.clear();
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
    trial.performance.writes[0].error = 5;
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
    trial.print(ConsoleFindingKind::hung_task, "a hung task");
    EXPECT_EQ(trial.verdict(), Verdict::hang);
    trial.print(ConsoleFindingKind::lockdep, "an inversion");
    EXPECT_EQ(trial.verdict(), Verdict::lock_order);
    trial.print(ConsoleFindingKind::oops, "an oops");
    EXPECT_EQ(trial.verdict(), Verdict::oops);
    trial.get_stuck();
    EXPECT_EQ(trial.verdict(), Verdict::deadlock);
    const Judgement judgement = trial.judged();
    for (const auto* oracle : {"deadlock", "crash", "console", "evidence"})
        EXPECT_TRUE(has_oracle(judgement, oracle)) << oracle;
    EXPECT_EQ(judgement.findings.front().oracle, "deadlock") << "the one that decided comes first";
}

// --- one that sleeps

struct SleeperTrial : SampleTrial {
    SleeperTrial() {
        schedule.steps[3].any[0] = {Observation::Kind::asleep, "mem_hotplug_lock"};
        performance.evidence[0].evidence = {Observation::Kind::asleep, "mem_hotplug_lock"};
    }
};

TEST(Judge, HeldIfItSleptUnderTheHold) { EXPECT_EQ(SleeperTrial().verdict(), Verdict::held); }

TEST(Judge, NotHeldIfItOnlyAskedWhereItHadToSleep) {
    SleeperTrial trial;
    trial.performance.evidence[0].evidence.kind = Observation::Kind::blocked;
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
    trial.schedule.steps[3].any.push_back({Observation::Kind::blocked, "mem_hotplug_lock"});
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, NotHeldIfItSleptAndGotInUnderTheSameHold) {
    SleeperTrial trial;
    trial.performance.evidence.push_back(
        {"onliner", {Observation::Kind::entered, "memory_subsys_online"}, {}, "device_online+0x41", {"adder"}});
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

TEST(Judge, ASleeperThatPutNoRuleOfReadersToTheTestIsNoPass) {
    SleeperTrial trial;
    TrialEvidence evidence = trial.evidence();
    evidence.rules = RuleEvidence{{}, sample_checks()};
    EXPECT_EQ(judge(evidence).verdict, Verdict::inconclusive);
    evidence.rules->checks[{"R8", ""}] = 1;
    EXPECT_EQ(judge(evidence).verdict, Verdict::held);
}

TEST(Verdicts, NamesThereAndBack) {
    for (const auto name : verdict_names()) {
        const auto verdict = parse_verdict(name);
        ASSERT_TRUE(verdict) << name;
        EXPECT_EQ(to_string(*verdict), name);
    }
    EXPECT_EQ(to_string(Verdict::rule_broken), std::string("rule-broken"));
    EXPECT_EQ(to_string(Verdict::rig_fault), std::string("rig-fault"));
    EXPECT_EQ(parse_verdict("lock-order"), Verdict::lock_order);
    EXPECT_FALSE(parse_verdict("Held"));
    EXPECT_FALSE(parse_verdict(""));
}

// The rig foresees where a balloon's memory comes. Elsewhere, it proves nothing; nowhere, the kernel did not add it.
TEST(JudgeBalloon, MemoryThatCameElsewhereThanForeseenProvesNothing) {
    SampleTrial trial;
    for (auto& actor : trial.schedule.actors)
        if (actor.kind == ActorKind::adder) actor.device = MemoryDevice::xen_balloon;
    trial.performance.after->qemu = trial.performance.before.qemu;
    trial.performance.after->figures.meminfo = trial.performance.before.figures.meminfo;
    EXPECT_EQ(trial.verdict(), Verdict::held) << trial.judged().reason;
    trial.performance.after->blocks.back().id = 40;
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "memory40 came, and memory32 to memory32 had been foreseen for adder");
    trial.performance.after->blocks.pop_back();
    EXPECT_EQ(trial.verdict(), Verdict::accounting);
}

}  // namespace
}  // namespace memrig
