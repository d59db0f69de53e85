// The cases of a hunt: what is composed can be played, is the same for the same seed, and shrinks.
#include <gtest/gtest.h>

#include "base/exit_status.h"
#include "base/file.h"
#include "campaign/hunt.h"
#include "campaign/hunt_draw.h"
#include "campaign/hunt_journal.h"
#include "campaign/hunt_shrink.h"

namespace memrig {
namespace {

Scenario read_scenario(const std::string& text) {
    TomlDocument document = TomlDocument::parse(text, "case.toml");
    Scenario scenario = parse_scenario(document, "case");
    for (const auto& mistake : document.diagnostics()) ADD_FAILURE() << mistake.text() << "\n" << text;
    return scenario;
}

HuntCase case_with(std::vector<std::string> names, const std::string& bench = "q35-many") {
    HuntCase one;
    one.bench = bench;
    one.size = "128M";
    for (const auto& actor : hunt_actors(one.bench))
        if (std::ranges::find(names, actor.name) != names.end()) one.racers.push_back(actor);
    EXPECT_EQ(one.racers.size(), names.size());
    return one;
}

TEST(HuntCaseTest, EachComposedCaseIsAScenario) {
    std::mt19937_64 random(7);
    std::set<std::string> seen;
    for (int i = 0; i < 300; i++) {
        HuntCase one = composed_case(hunt_benches(), random);
        one.number = 1;
        for (const auto strategy :
             {HuntStrategy::priorities, HuntStrategy::delays, HuntStrategy::nobody, HuntStrategy::loop}) {
            one.strategy = strategy;
            const Scenario scenario = read_scenario(scenario_text(one, ""));
            ASSERT_NE(scenario.schedule.race(), nullptr);
            EXPECT_EQ(scenario.schedule.race()->actors.size(), one.racers.size());
            EXPECT_GE(one.racers.size(), 2u);
        }
        for (const auto& actor : one.racers) seen.insert(actor.name);
    }
    for (const auto& bench : hunt_benches())
        for (const auto& actor : hunt_actors(bench)) EXPECT_TRUE(seen.contains(actor.name)) << actor.name;
}

TEST(HuntCaseTest, ACaseSurvivesItsJournal) {
    std::mt19937_64 random(8);
    for (int i = 0; i < 50; i++) {
        HuntCase one = composed_case(hunt_benches(), random);
        one.number = 3;
        one.changes = {4, 9};
        const auto again = case_of(nlohmann::json::parse(case_json(one).dump()));
        ASSERT_TRUE(again);
        EXPECT_EQ(scenario_text(*again, ""), scenario_text(one, ""));
    }
    for (const char* bad : {"{}", "[]", R"({"strategy": "luck"})", "7"})
        EXPECT_FALSE(case_of(nlohmann::json::parse(bad))) << bad;
}

TEST(HuntCaseTest, AChangedKernelIsThatOfTheArm) {
    const auto scenario = load_scenario("race/acpi-dimm-online");
    ASSERT_TRUE(scenario);
    const auto arm = hunted_arm(*scenario, "mutant");
    ASSERT_TRUE(arm) << arm.error().line();
    const Scenario hunted = read_scenario(scenario_text(case_with({"onliner", "offliner"}), *arm));
    ASSERT_EQ(hunted.arms.size(), 2u);
    const auto mutant = std::ranges::find(hunted.arms, "mutant", &ScenarioArm::name);
    ASSERT_NE(mutant, hunted.arms.end());
    const auto original = std::ranges::find(scenario->arms, "mutant", &ScenarioArm::name);
    ASSERT_EQ(mutant->elisions.size(), original->elisions.size());
    EXPECT_EQ(mutant->elisions.front().lock, original->elisions.front().lock);
    EXPECT_FALSE(hunted_arm(*scenario, "control"));
    EXPECT_FALSE(hunted_arm(*scenario, "no-such-arm"));
}

TEST(HuntCaseTest, SwitchesAreKept) {
    HuntCase one = case_with({"onliner", "offliner"});
    one = with_switches(
        one, {{"offliner", "device_add", 2, "onliner", false}, {"onliner", "finished", 1, "offliner", true}});
    EXPECT_EQ(one.racers.front().name, "offliner") << "who acts first comes first";
    const Scenario scenario = read_scenario(scenario_text(one, ""));
    const Race& race = *scenario.schedule.race();
    EXPECT_EQ(race.by, RaceBy::switches);
    EXPECT_EQ(race.switches, *one.switches);
}

TEST(HuntDrawTest, TheSameLessonsGiveTheSameCases) {
    const auto texts = [](std::uint64_t seed) {
        HuntDraw draw(seed, hunt_benches());
        std::string all;
        for (unsigned batch = 0; batch < 5; batch++) {
            draw.begin_batch(batch);
            for (int i = 0; i < 8; i++) {
                const HuntCase one = draw.next();
                all += scenario_text(one, "");
                draw.learn(one, {"onliner device_online", "offliner device_add", "onliner percpu_down_write"}, 1);
            }
        }
        return all;
    };
    EXPECT_EQ(texts(1), texts(1));
    EXPECT_NE(texts(1), texts(2));
    EXPECT_NE(texts(1).find("changes = ["), std::string::npos) << "a lesson is varied by its points";
}

HuntedCase hunted_case(unsigned number) {
    HuntedCase hunted;
    hunted.one = case_with({"onliner", "offliner"});
    hunted.one.number = number;
    hunted.at_seconds = 2.5;
    hunted.passed = {"onliner device_online"};
    hunted.covered = {"a > b", "b > c"};
    hunted.release = "6.12.1";
    hunted.image = "abc";
    hunted.trial.number = 1;
    hunted.trial.verdict = Verdict::held;
    hunted.trial.directory = "trials-1/one";
    return hunted;
}

TEST(HuntJournalTest, WhatACaseCameToIsReadAgain) {
    const auto directory = TemporaryDirectory::make("memrig-hunt");
    HuntJournal journal(directory->path());
    ASSERT_TRUE(journal.start("one", 7, false));
    HuntedCase other = hunted_case(9);
    other.not_played = "no such point";
    for (const auto& hunted : {hunted_case(3), other}) ASSERT_TRUE(journal.append(hunted));
    HuntedCase again = hunted_case(3);
    again.trial.verdict = Verdict::oops;
    ASSERT_TRUE(journal.append(again));

    EXPECT_EQ(seed_of_hunt(directory->path()).value_or(0), 7u);
    const auto read = HuntJournal(directory->path()).start("one", 7, true);
    ASSERT_TRUE(read) << read.error().line();
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ(read->at(3).trial.verdict, Verdict::oops) << "the last outcome counts";
    EXPECT_EQ(read->at(3).trial.directory, again.trial.directory);
    EXPECT_EQ(read->at(3).passed, again.passed);
    EXPECT_EQ(read->at(3).covered, again.covered);
    EXPECT_EQ(read->at(3).release + read->at(3).image, "6.12.1abc");
    EXPECT_EQ(scenario_text(read->at(3).one, ""), scenario_text(again.one, ""));
    EXPECT_EQ(read->at(9).not_played, "no such point");
    EXPECT_EQ(HuntJournal(directory->path()).start("another", 7, true).error().fault, Fault::user_input);
}

TEST(HuntJournalTest, AShrunkFindingIsNotShrunkAgain) {
    const auto directory = TemporaryDirectory::make("memrig-hunt");
    HuntFinding finding;
    finding.hash = "8d69c7ebdd9e";
    finding.smallest = case_with({"onliner", "offliner"});
    ASSERT_TRUE(write_finding(directory->path(), finding, ""));
    HuntFinding again;
    again.hash = finding.hash;
    EXPECT_FALSE(read_shrunk(directory->path(), again)) << "it was only found";
    finding.attempts = 7;
    finding.again = 2;
    finding.of = 3;
    ASSERT_TRUE(write_finding(directory->path(), finding, ""));
    ASSERT_TRUE(read_shrunk(directory->path(), again));
    EXPECT_EQ(again.actors, (std::vector<std::string>{"onliner", "offliner"}));
    EXPECT_EQ(again.attempts, 7u);
    EXPECT_EQ(again.again, 2u);
    EXPECT_EQ(again.of, 3u);
    EXPECT_EQ(again.file, "findings/8d69c7ebdd9e.toml");
    for (const char* bad : {"", "[]", "{}", R"({"actors": [7], "attempts": 1, "again": 1, "of": 1})"}) {
        ASSERT_TRUE(write_file(directory->path() / "findings/8d69c7ebdd9e.json", bad));
        EXPECT_FALSE(read_shrunk(directory->path(), again)) << bad;
    }
}

TEST(HuntJournalTest, ADamagedLineIsRefused) {
    const auto directory = TemporaryDirectory::make("memrig-hunt");
    ASSERT_TRUE(HuntJournal(directory->path()).start("one", 7, false));
    const auto head = read_file(directory->path() / "hunt.jsonl");
    for (const char* bad : {"x", "{}", "[]", R"({"case": 1})", R"({"case": 1, "drawn": {}, "passed": [1]})"}) {
        ASSERT_TRUE(write_file(directory->path() / "hunt.jsonl", *head + bad + "\n"));
        const auto read = HuntJournal(directory->path()).start("one", 7, true);
        ASSERT_FALSE(read) << bad;
        EXPECT_NE(read.error().line().find("is damaged"), std::string::npos) << read.error().line();
    }
}

TEST(HuntShrinkTest, WhatDoesNotMatterGoes) {
    HuntCase large = case_with({"onliner", "offliner", "remover", "zone-reader"});
    large.onlined = "online";
    large.size = "256M";
    large = with_switches(large, {{"onliner", "device_online", 1, "remover", false},
                                  {"remover", "finished", 1, "zone-reader", true},
                                  {"zone-reader", "finished", 1, "onliner", true},
                                  {"onliner", "finished", 1, "offliner", true}});
    const auto small = shrunk(large, 100, [](const HuntCase& one) -> Result<bool> {
        const auto has = [&](const char* name) {
            return std::ranges::find(one.racers, name, &HuntActor::name) != one.racers.end();
        };
        return has("onliner") && has("remover") && one.onlined &&
               std::ranges::find(*one.switches, "device_online", &Switch::at) != one.switches->end();
    });
    ASSERT_TRUE(small);
    EXPECT_EQ(small->smallest.racers.size(), 2u);
    EXPECT_EQ(small->smallest.switches->size(), 1u);
    EXPECT_EQ(small->smallest.size, "128M");
    EXPECT_TRUE(small->smallest.onlined);
    read_scenario(scenario_text(small->smallest, ""));
}

TEST(HuntShrinkTest, NoMoreThanTheAttemptsAllowed) {
    const HuntCase large = case_with({"onliner", "offliner", "remover", "zone-reader"});
    unsigned played = 0;
    const auto small = shrunk(large, 3, [&](const HuntCase&) -> Result<bool> { return played++, false; });
    ASSERT_TRUE(small);
    EXPECT_EQ(played, 3u);
    EXPECT_EQ(small->attempts, 3u);
    EXPECT_EQ(small->smallest.racers.size(), 4u);
}

TEST(HuntShrinkTest, AnOnlinerGoesWithWhatItWouldWaitFor) {
    for (const auto& smaller : smaller_cases(case_with({"second", "second-onliner", "remover", "onliner"})))
        read_scenario(scenario_text(smaller, ""));
    const auto more = case_with({"virtio-mem", "virtio-mem-onliner", "remover", "onliner"}, "q35-many-virtio-mem");
    for (const auto& smaller : smaller_cases(more)) read_scenario(scenario_text(smaller, ""));
}

TEST(HuntStatusTest, NothingFoundNeedsATrialWithAVerdict) {
    const auto with = [](Verdict verdict) {
        Hunt hunt;
        HuntedCase one;
        one.trial.verdict = verdict;
        hunt.cases = {one};
        const bool judged = verdict == Verdict::held || convicts(verdict);
        hunt.shares[HuntStrategy::priorities] = {1, convicts(verdict) ? 1u : 0u, judged ? 0u : 1u, 1.0};
        if (convicts(verdict)) hunt.findings.emplace_back();
        return hunt;
    };
    EXPECT_EQ(with(Verdict::held).exit_status(), kExitGood);
    EXPECT_EQ(with(Verdict::oops).exit_status(), kExitNotAsExpected);
    EXPECT_EQ(with(Verdict::inconclusive).exit_status(), kExitNothingRun);
    EXPECT_EQ(with(Verdict::rig_fault).exit_status(), kExitRigFault);
    EXPECT_EQ(Hunt().exit_status(), kExitNothingRun);
    Hunt interrupted = with(Verdict::oops);
    interrupted.interrupted = true;
    EXPECT_EQ(interrupted.exit_status(), kExitInterrupted);
}

TEST(HuntCoverageTest, ComesFromTheFilesOfATrial) {
    const auto directory = *TemporaryDirectory::make("memrig-hunt");
    EXPECT_TRUE(coverage_of(directory.path()).empty()) << "no record";
    ASSERT_TRUE(
        write_file(directory.path() / "race.json", R"({"passed": ["a f", "a g", "b f", 7, "a h"], "switches": []})"));
    ASSERT_TRUE(write_file(directory.path() / "locks.json", R"({"events": [
        {"task": "1", "action": "takes", "lock": "device_hotplug_lock"},
        {"task": "1", "action": "takes", "lock": "memory32's device lock"},
        {"task": "1", "action": "releases", "lock": "device_hotplug_lock"},
        {"task": "1", "action": "takes", "lock": "mem_hotplug_lock"}, 3]})"));
    const std::set<std::string> expected = {"a g > b f", "b f > a h", "locks: device_hotplug_lock > a device lock",
                                            "locks: a device lock > mem_hotplug_lock"};
    EXPECT_EQ(coverage_of(directory.path()), expected);
    ASSERT_TRUE(write_file(directory.path() / "race.json", "not JSON"));
    ASSERT_TRUE(write_file(directory.path() / "locks.json", "{"));
    EXPECT_TRUE(coverage_of(directory.path()).empty());
}

}  // namespace
}  // namespace memrig
