// The judge in each mode, with some of its oracles, and where a rule could not be checked: what `held` may rest on.
#include <gtest/gtest.h>

#include "oracle/obligations.h"
#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

constexpr const char* kJudgeModesGate = "device_hotplug_lock";
constexpr const char* kJudgeModesMemory = "mem_hotplug_lock";
constexpr const char* kJudgeModesDevice = "memory32's device lock";

class ModeTrial : public SampleTrial {
public:
    explicit ModeTrial(Mode mode) : mode_(mode) {
        if (mode == Mode::directed) return;
        performance.holds.clear();
        performance.evidence.clear();
        performance.step = mode == Mode::free ? "run" : "at adder's 1st device_add: onliner goes on";
    }
    // As validate/acpi-dimm-lock-order has it: nobody is held, and nobody awaited.
    void without_await() {
        schedule.steps = {{StepKind::start, "adder", {}, false, {}},
                          {StepKind::finish, "adder", {}, false, {}},
                          {StepKind::start, "onliner", {}, false, {}},
                          Step{}};
        performance.holds.clear();
        performance.evidence.clear();
    }
    void invert(bool gated) {
        nest(kSampleAdder, {kJudgeModesMemory, kJudgeModesDevice}, gated);
        nest(kSampleOnliner, {kJudgeModesDevice, kJudgeModesMemory}, gated);
    }
    void nest(std::uint64_t task, std::vector<std::string> locks, bool gated) {
        if (gated) locks.insert(locks.begin(), kJudgeModesGate);
        LockEvent event;
        event.task = task;
        event.where = "somewhere+0x1";
        for (const auto& lock : locks) {
            event.lock = lock;
            event.action = LockAction::takes;
            events_.push_back(event);
        }
        for (auto lock = locks.rbegin(); lock != locks.rend(); ++lock) {
            event.lock = *lock;
            event.action = LockAction::releases;
            events_.push_back(event);
        }
    }
    [[nodiscard]] TrialEvidence evidence() const {
        TrialEvidence evidence = SampleTrial::evidence();
        evidence.mode = mode_;
        evidence.order_came_to_pass = came_to_pass;
        if (mode_ == Mode::free) return evidence;  // no ledger, no rules
        evidence.locks = &events_;
        evidence.rules = rules;
        return evidence;
    }
    [[nodiscard]] Judgement judged(const std::set<std::string>& oracles = {}) const {
        return judge(evidence(), oracles);
    }

    RuleEvidence rules{{}, sample_checks(), {}};
    bool came_to_pass = true;

private:
    Mode mode_;
    std::vector<LockEvent> events_;
};

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
    trial.schedule.lock_order = {{kJudgeModesMemory, kJudgeModesDevice}};
    trial.nest(kSampleAdder, {kJudgeModesMemory, kJudgeModesDevice}, false);
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
    trial.rules.breaches = {{"R3", "memory_subsys_online", kJudgeModesGate, kSampleOnliner, {}, {}}};
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

// --- rules that were not put to the test

TEST(JudgeUnchecked, ARuleThatWasNeverPutToTheTestProvesNothing) {
    for (const auto& [obligation, count] : sample_checks()) {
        ModeTrial trial(Mode::directed);
        trial.rules.checks.erase(obligation);
        const Judgement judgement = trial.judged();
        EXPECT_EQ(judgement.verdict, Verdict::inconclusive) << obligation.text();
        EXPECT_EQ(judgement.reason, fmt::format("rule {} was never put to the test", obligation.text()));
    }
}

TEST(JudgeUnchecked, DeviceMemoryIsNotAddedByAddMemoryResource) {
    ModeTrial trial(Mode::directed);
    for (auto& actor : trial.schedule.actors)
        if (actor.kind == ActorKind::adder) actor.device = MemoryDevice::nvdimm;
    trial.rules.checks.erase({"R1", "{adder}"});
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
    trial.rules.checks.erase({"R4", "arch_add_memory"});
    EXPECT_EQ(trial.judged().reason, "rule R4 at arch_add_memory was never put to the test");
}

TEST(JudgeUnchecked, RemovalIsNotPartOfEveryTrial) {
    const ModeTrial trial(Mode::directed);
    EXPECT_EQ(checks_of(trial.rules.checks, "R2"), 0u);
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
}

// The blocks are online when the remover starts, so it has to take them offline itself.
struct RemovalTrial : ModeTrial {
    RemovalTrial() : ModeTrial(Mode::directed) {
        Actor remover;
        remover.name = "remover";
        remover.kind = ActorKind::remover;
        remover.entry = {"acpi_device_hotplug"};
        schedule.actors.push_back(remover);
        schedule.steps.insert(schedule.steps.end() - 1, Step{StepKind::start, "remover", {}, false, {}});
        performance.answers["remover"] = "done";
        performance.after = performance.before;
        for (const char* rule : {"R2", "R9"}) rules.checks[{rule, ""}] = 1;
        rules.checks[{"R2", "{remover}"}] = rules.checks[{"R4", "arch_remove_memory"}] = 1;
    }
};

TEST(JudgeUnchecked, TheRemovalOfOnlineBlocksPutsR9AtStake) {
    RemovalTrial trial;
    EXPECT_EQ(trial.judged().verdict, Verdict::held) << trial.judged().reason;
    trial.rules.checks.erase({"R9", ""});
    EXPECT_EQ(trial.judged().reason, "rule R9 was never put to the test");
}

TEST(JudgeUnchecked, TheRemovalOfOfflineBlocksDoesNotPutR9AtStake) {
    for (const bool another_device : {false, true}) {
        RemovalTrial trial;
        trial.rules.checks.erase({"R9", ""});
        if (another_device) {
            trial.schedule.actors.back().device_id = "dimm1";
        } else {
            auto& steps = trial.schedule.steps;
            const auto onlines = std::ranges::find_if(
                steps, [](const Step& step) { return step.kind == StepKind::start && step.actor == "onliner"; });
            ASSERT_NE(onlines, steps.end());
            std::rotate(onlines, onlines + 1, steps.end() - 1);  // it is started after the remover
        }
        EXPECT_NE(trial.judged().reason, "rule R9 was never put to the test");
    }
}

TEST(JudgeUnchecked, AGapIsToldBesideWhatHeld) {
    ModeTrial trial(Mode::directed);
    trial.rules.checks.erase({"R4", "arch_add_memory"});
    trial.rules.gaps = {{{"R4", "arch_add_memory"}, "arch_add_memory has no symbol"}};
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::held);
    EXPECT_TRUE(judgement.reason.ends_with("(not checked: R4: arch_add_memory has no symbol)")) << judgement.reason;
    ASSERT_TRUE(has_gaps(judgement.findings));
    EXPECT_EQ(judgement.findings.back().summary, "R4: arch_add_memory has no symbol");
    EXPECT_EQ(judgement.findings.back().verdict, Verdict::held);
}

TEST(JudgeUnchecked, AGapInOneFunctionDoesNotExcuseAnother) {
    ModeTrial trial(Mode::directed);
    trial.rules.gaps = {{{"R4", "arch_add_memory"}, "arch_add_memory has no symbol"}};
    trial.rules.checks.erase({"R4", "move_pfn_range_to_zone"});
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "rule R4 at move_pfn_range_to_zone was never put to the test");
}

TEST(JudgeUnchecked, AGapThatIsNotAtStakeIsNotTold) {
    ModeTrial trial(Mode::directed);
    trial.rules.gaps = {{{"R2", "{remover}"}, "none of these has a symbol"},
                        {{"R4", "arch_remove_memory"}, "arch_remove_memory has no symbol"},
                        {{"R8", ""}, "get_online_mems has no symbol"}};
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
    EXPECT_FALSE(has_gaps(trial.judged().findings));
}

TEST(JudgeUnchecked, AGapOfAnotherRuleExcusesNothing) {
    ModeTrial trial(Mode::directed);
    trial.rules.checks.erase({"R4", "arch_add_memory"});
    trial.rules.gaps = {{{"R1", "{adder}"}, "none of these has a symbol"}};
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
}

TEST(JudgeUnchecked, ALedgerThatCannotBeTrustedNeitherConvictsNorAcquits) {
    ModeTrial trial(Mode::directed);
    trial.rules.breaches = {{"R3", "memory_subsys_online", kJudgeModesGate, kSampleOnliner, {}, {}}};
    trial.invert(false);
    TrialEvidence evidence = trial.evidence();
    EXPECT_EQ(judge(evidence).verdict, Verdict::rule_broken);
    evidence.blind = {"mutexes are not armed: no owner"};
    EXPECT_EQ(judge(evidence).verdict, Verdict::inconclusive);
    EXPECT_EQ(judge(evidence).reason, "the lock ledger cannot be trusted: mutexes are not armed: no owner");
}

TEST(JudgeUnchecked, AConsoleThatFellSilentProvesNothing) {
    const ModeTrial trial(Mode::directed);
    TrialEvidence evidence = trial.evidence();
    EXPECT_EQ(judge(evidence).verdict, Verdict::held);
    evidence.console_is_whole = false;
    EXPECT_EQ(judge(evidence).verdict, Verdict::inconclusive);
}

TEST(Unarmed, TheRulesOfAnUnarmedWatcherNeitherConvictNorCount) {
    Armament armament;
    armament.reports[Watcher::notices] = {WatcherReport::State::unarmed, "none named the block"};
    RuleEvidence rules{
        {{"N1", "memory_notify", "", kSampleOnliner, {}, {}}, {"R3", "memory_subsys_online", "", 1, {}, {}}},
        sample_checks(),
        {}};
    leave_out_unarmed(rules, armament);
    ASSERT_EQ(rules.breaches.size(), 1u);
    EXPECT_EQ(rules.breaches[0].rule, "R3");
    EXPECT_EQ(checks_of(rules.checks, "N1"), 0u);
    EXPECT_EQ(checks_of(rules.checks, "R1"), 1u);
    EXPECT_EQ(rules.gaps.size(), 4u) << "N1 to N4";
    EXPECT_EQ(rules.gaps[0].text(), "N1: notices: none named the block");
    EXPECT_EQ(rules.gaps[0].kind, RuleGap::Kind::unarmed);
    EXPECT_TRUE(blind_spots(armament, {}).empty()) << "the ledger does not rest on notices";
}

TEST(JudgeUnchecked, AnUnarmedWatcherProvesNothing) {
    ModeTrial trial(Mode::directed);
    trial.rules.gaps = {{{"N2", ""}, "the fields of a notice were misread", RuleGap::Kind::unarmed}};
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.judged().reason, "not armed: N2: the fields of a notice were misread");
}

TEST(JudgeUnchecked, ATrialThatEndedEarlyIsNotBlamedForIt) {
    ModeTrial trial(Mode::directed);
    trial.rules.checks.clear();
    trial.crash();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::oops);
    for (const auto& finding : judgement.findings)
        for (const auto& line : finding.details) EXPECT_EQ(line.find("never put to the test"), std::string::npos);
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
                             {kJudgeModesDevice},
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
