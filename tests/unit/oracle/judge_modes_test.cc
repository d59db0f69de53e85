// The judge in each mode, and with some of its oracles: what `held` may rest on.
#include <gtest/gtest.h>

#include "unit/support/mode_trial.h"

namespace memrig {
namespace {

// --- free mode

TEST(JudgeFree, NeverHolds) {
    const Judgement judgement = ModeTrial(Mode::free).judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "nothing was found; nothing was scheduled, so nothing is proven");
    EXPECT_TRUE(judgement.findings.empty()) << "steps that nobody played are not missed";
}

TEST(JudgeFree, WhatShowsConvicts) {
    ModeTrial trial(Mode::free);
    trial.crash();
    EXPECT_EQ(trial.judged().verdict, Verdict::oops);
    ModeTrial miscounted(Mode::free);
    miscounted.performance.after->figures.meminfo["MemTotal"]++;
    EXPECT_EQ(miscounted.judged().verdict, Verdict::accounting);
}

TEST(JudgeFree, AMutationThatDidNothingIsSaid) {
    ModeTrial trial(Mode::free);
    trial.elide(0);
    EXPECT_EQ(trial.judged().reason, "lock_device_hotplug was never called by acpi_device_hotplug: nothing was elided");
}

// --- explore mode

TEST(JudgeExplore, HoldsWhereNoOracleObjectsToTheOrder) {
    const Judgement judgement = ModeTrial(Mode::explore).judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_EQ(judgement.reason, "no oracle objects to this order: at adder's 1st device_add: onliner goes on");
}

TEST(JudgeExplore, DoesNotHoldIfTheOrderDidNotComeToPass) {
    ModeTrial trial(Mode::explore);
    trial.came_to_pass = false;
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
    EXPECT_EQ(judgement.reason, "not every switch of the order came to pass");
}

TEST(JudgeExplore, ConvictsWhetherOrNotTheOrderCameToPass) {
    ModeTrial trial(Mode::explore);
    trial.came_to_pass = false;
    trial.crash();
    EXPECT_EQ(trial.judged().verdict, Verdict::oops);
}

TEST(JudgeExplore, DoesNotHoldWithoutAnEnd) {
    ModeTrial trial(Mode::explore);
    trial.performance.end = PlayEnd::expired;
    trial.performance.after.reset();
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

// --- a schedule that awaits no refusal

TEST(JudgeWithoutAwait, AGatedInversionIsWhatItHoldsBy) {
    ModeTrial trial(Mode::directed);
    trial.without_await();
    trial.invert(true);
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_EQ(judgement.reason,
              "mem_hotplug_lock and memory32's device lock are taken in both orders, gated by device_hotplug_lock");
}

TEST(JudgeWithoutAwait, WithoutOneItDoesNotHold) {
    ModeTrial trial(Mode::directed);
    trial.without_await();
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "no inversion that a gate makes harmless was seen");
}

TEST(JudgeWithoutAwait, WithoutTheOracleThatSeesTheOrderItDoesNotHold) {
    ModeTrial trial(Mode::directed);
    trial.without_await();
    trial.invert(true);
    EXPECT_EQ(trial.judged({"lock-order", "rules"}).verdict, Verdict::held);
    for (const auto& oracles : {std::set<std::string>{"rules"}, {"crash", "deadlock", "console", "accounting"}}) {
        const Judgement judgement = trial.judged(oracles);
        EXPECT_EQ(judgement.verdict, Verdict::inconclusive);
        EXPECT_EQ(judgement.reason,
                  "the schedule awaits nothing, and the oracle lock-order, by which it could hold, was not asked");
    }
}

TEST(JudgeWithoutAwait, WithoutThatOracleAClaimedOrderIsNoGroundEither) {
    ModeTrial trial(Mode::directed);
    trial.without_await();
    trial.schedule.lock_order = {{kModeTrialMemory, kModeTrialDevice}};
    trial.nest(kSampleAdder, {kModeTrialMemory, kModeTrialDevice}, false);
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
    EXPECT_EQ(trial.judged({"accounting"}).verdict, Verdict::inconclusive);
}

TEST(JudgeWithoutAwait, AnUngatedOneConvicts) {
    ModeTrial trial(Mode::directed);
    trial.without_await();
    trial.invert(false);
    EXPECT_EQ(trial.judged().verdict, Verdict::lock_order);
}

// --- some of the oracles

TEST(JudgeOracles, OnlyThoseAskedForAreAsked) {
    ModeTrial trial(Mode::directed);
    trial.invert(false);
    trial.performance.writes[0].error = 16;
    trial.rules.breaches = {{"R3", "memory_subsys_online", kModeTrialGate, kSampleOnliner, {}, {}}};
    const std::pair<const char*, Verdict> table[] = {
        {"rules", Verdict::rule_broken}, {"lock-order", Verdict::lock_order}, {"accounting", Verdict::accounting},
        {"crash", Verdict::held},        {"deadlock", Verdict::held},         {"console", Verdict::held}};
    for (const auto& [oracle, verdict] : table) EXPECT_EQ(trial.judged({oracle}).verdict, verdict) << oracle;
    EXPECT_EQ(trial.judged({"accounting", "lock-order"}).findings.size(), 2u);
    EXPECT_EQ(trial.judged().findings.size(), 3u);
}

TEST(JudgeOracles, EachOneIsAskedByItsName) {
    ModeTrial trial(Mode::directed);
    trial.crash();
    EXPECT_EQ(trial.judged({"crash"}).verdict, Verdict::oops);
    ModeTrial stuck(Mode::directed);
    stuck.get_stuck();
    EXPECT_EQ(stuck.judged({"deadlock"}).verdict, Verdict::deadlock);
    ModeTrial noisy(Mode::directed);
    noisy.print(ConsoleFindingKind::lockdep, "an inversion");
    EXPECT_EQ(noisy.judged({"console"}).verdict, Verdict::lock_order);
    EXPECT_EQ(oracle_names(),
              (std::vector<std::string>{"crash", "deadlock", "rules", "lock-order", "console", "accounting"}));
}

TEST(JudgeOracles, TheEvidenceIsAskedForAlways) {
    ModeTrial trial(Mode::directed);
    trial.performance.holds.clear();
    for (const auto& oracle : oracle_names()) {
        const Judgement judgement = trial.judged({oracle});
        EXPECT_EQ(judgement.verdict, Verdict::inconclusive) << oracle;
        EXPECT_EQ(judgement.reason, "adder was never held at bus_probe_device");
    }
}

TEST(JudgeOracles, WhatAnArmCanBeConvictedOf) {
    EXPECT_EQ(convictions_by({"crash"}), std::vector{Verdict::oops});
    EXPECT_EQ(convictions_by({"deadlock"}), (std::vector{Verdict::deadlock, Verdict::hang}));
    EXPECT_EQ(convictions_by({"rules", "accounting"}), (std::vector{Verdict::rule_broken, Verdict::accounting}));
    EXPECT_TRUE(convictions_by({}).empty());
}

// --- R5 and names, in words

TEST(JudgeWords, R5NamesBothTasks) {
    ModeTrial trial(Mode::directed);
    trial.performance.names = {{kSampleOnliner, {"onliner", 90}}, {kSampleAdder, {"kworker/u6:2", 43}}};
    trial.rules.breaches = {{"R5",
                             "memory_subsys_online",
                             "memory32 is being added",
                             kSampleOnliner,
                             {"device_online+0x6c", "online_store+0x68"},
                             {kModeTrialDevice},
                             kSampleAdder}};
    EXPECT_EQ(trial.judged().reason,
              "R5: onliner (onliner, pid 90) entered memory_subsys_online() while memory32 is being added by adder "
              "(by way of device_online+0x6c), holding memory32's device lock");
}

TEST(JudgeWords, TheDrawnDeadlockNamesTasksAsTheKernelDoes) {
    ModeTrial trial(Mode::directed);
    trial.get_stuck();
    trial.performance.names = {{kSampleAdder, {"kworker/u6:2", 43}}, {kSampleOnliner, {"onliner", -1}}};
    const Judgement judgement = trial.judged();
    ASSERT_GE(judgement.findings[0].details.size(), 8u);
    EXPECT_EQ(judgement.findings[0].details[0], "adder (kworker/u6:2, pid 43)");
    EXPECT_EQ(judgement.findings[0].details[3], "       '-> held by onliner");
    EXPECT_EQ(judgement.findings[0].details[4], "onliner") << "what adds nothing is left out";
}

TEST(JudgeWords, ATaskThatIsNoActorHasTheKernelsName) {
    ModeTrial trial(Mode::directed);
    trial.get_stuck();
    trial.performance.tasks.erase("adder");
    trial.performance.names = {{kSampleAdder, {"kworker/u6:2", 43}}};
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.findings[0].details[0], "kworker/u6:2, pid 43");
    EXPECT_TRUE(judgement.reason.starts_with("kworker/u6:2, pid 43 holds mem_hotplug_lock and waits for"))
        << judgement.reason;
}

}  // namespace
}  // namespace memrig
