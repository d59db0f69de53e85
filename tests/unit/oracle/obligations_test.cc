// Obligations: a trial that did not check what its schedule asks for proves nothing, and says so.
#include "oracle/obligations.h"

#include <gtest/gtest.h>

#include "unit/support/mode_trial.h"

namespace memrig {
namespace {

TEST(JudgeUnchecked, ARuleThatWasNeverPutToTheTestProvesNothing) {
    for (const auto& [obligation, count] : sample_checks()) {
        ModeTrial trial(Mode::directed);
        trial.rules.checks.erase(obligation);
        const Judgement judgement = trial.judged();
        EXPECT_EQ(judgement.verdict, Verdict::inconclusive) << obligation.text();
        EXPECT_EQ(judgement.reason, fmt::format("rule {} was never put to the test", obligation.text()));
    }
}

// A gap is told where a rule is one of many. Where it is what the scenario is about, nothing is proven without it.
TEST(JudgeUnchecked, ARuleThatTheScenarioIsAboutHasToBeChecked) {
    ModeTrial trial(Mode::directed);
    trial.rules.gaps.push_back({{"R10", ""}, "the figures of zones cannot be watched"});
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
    trial.schedule.rests_on = {"R10"};
    EXPECT_EQ(trial.judged().verdict, Verdict::inconclusive);
    EXPECT_EQ(
        trial.judged().reason,
        "rule R10, which the scenario is about, was never put to the test: the figures of zones cannot be watched");
    trial.rules.gaps.clear();
    EXPECT_EQ(trial.judged().reason, "rule R10, which the scenario is about, was never put to the test");
    trial.rules.checks[{"R10", ""}] = 1;
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
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

TEST(JudgeUnchecked, NobodyIsSeenToRemoveWhereADeviceGrows) {
    ModeTrial trial(Mode::directed);
    Actor grower;
    grower.name = "grower";
    grower.kind = ActorKind::resizer;
    grower.device = MemoryDevice::virtio_mem;
    for (auto& actor : trial.schedule.actors)
        if (actor.kind == ActorKind::adder) {
            actor.device = MemoryDevice::virtio_mem;
            actor.bytes = 256u << 20;
        }
    trial.schedule.actors.push_back(grower);
    Step start;
    start.kind = StepKind::start;
    start.actor = "grower";
    trial.schedule.steps.push_back(start);
    const auto asks_for_removal = [&](std::uint64_t bytes) {
        trial.schedule.actors.back().bytes = bytes;
        return std::ranges::count(obligations_of(trial.evidence()), Obligation{"R2", "{remover}"}) > 0;
    };
    EXPECT_FALSE(asks_for_removal(512u << 20));
    EXPECT_TRUE(asks_for_removal(128u << 20));
}

TEST(JudgeUnchecked, NobodyIsSeenToAddWhatIsThereAtBoot) {
    ModeTrial trial(Mode::directed);
    for (auto& actor : trial.schedule.actors) actor.at_boot = actor.kind == ActorKind::adder;
    trial.rules.checks.erase({"R1", "{adder}"});
    trial.rules.checks.erase({"R4", "arch_add_memory"});
    EXPECT_EQ(trial.judged().verdict, Verdict::held);
    trial.rules.checks.erase({"R3", "memory_subsys_online"});
    EXPECT_EQ(trial.judged().reason, "rule R3 at memory_subsys_online was never put to the test");
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
    trial.rules.breaches = {{"R3", "memory_subsys_online", kModeTrialGate, kSampleOnliner, {}, {}}};
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

}  // namespace
}  // namespace memrig
