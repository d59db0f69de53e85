// Scenarios that are rewritten for a sweep: the texts are scenarios themselves, and say what the sweep asks for.
#include "scenario/sweep_scenario.h"

#include "good_scenario.h"

namespace memrig {
namespace {

Scenario parsed(const std::string& text) {
    TomlDocument document = TomlDocument::parse(text, "case.toml");
    Scenario scenario = parse_scenario(document, "case");
    EXPECT_TRUE(document.status()) << document.status().error().message << "\n" << text;
    return scenario;
}

std::vector<std::string> steps_of(const Scenario& scenario) {
    std::vector<std::string> texts;
    for (const auto& step : scenario.schedule.steps) texts.push_back(step.text());
    return texts;
}

Scenario good() {
    Scenario scenario = parsed(good_text());
    scenario.text = good_text();
    return scenario;
}

TEST(SweepScenario, ActorsActOneAfterTheOtherToBeRecorded) {
    const auto text = sequential_scenario(good());
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(steps_of(parsed(*text)),
              (std::vector<std::string>{"start adder", "finish adder", "check", "start onliner", "finish onliner",
                                        "check", "settle"}));
}

TEST(SweepScenario, TheActorWhoseCallFailsActsOnceMore) {
    const FailureSpec failure{"onliner", "pcpu_alloc", {"setup_zone_pageset", "online_pages"}, 2, 0};
    const auto text = failing_scenario(good(), {failure}, "a call fails", "held");
    ASSERT_TRUE(text) << text.error().message;
    const Scenario scenario = parsed(*text);
    EXPECT_EQ(steps_of(scenario),
              (std::vector<std::string>{"start adder", "finish adder", "start onliner", "finish onliner", "check",
                                        "start again", "finish again", "settle"}));
    EXPECT_TRUE(scenario.schedule.actor("onliner").may_fail);
    EXPECT_EQ(scenario.schedule.actor("again").again_of, "onliner");
    EXPECT_FALSE(scenario.schedule.actor("again").may_fail);
    EXPECT_EQ(scenario.schedule.actor("again").attributes, std::vector<std::string>{"online"});
    ASSERT_EQ(scenario.arms.size(), 2u);
    const ScenarioArm& arm = scenario.arms[1].name == "fault" ? scenario.arms[1] : scenario.arms[0];
    ASSERT_EQ(arm.failures.size(), 1u);
    EXPECT_EQ(arm.failures[0].path, failure.path);
    EXPECT_EQ(arm.failures[0].nth, 2u);
    EXPECT_EQ(arm.expected, std::vector{Verdict::held});
}

TEST(SweepScenario, ActorsBehindItAreLeftOutAndADeviceIsPluggedAgainByAnotherName) {
    const FailureSpec failure{"adder", "kmem_cache_alloc", {"create_node"}, 1, static_cast<std::uint64_t>(-12)};
    const auto text = failing_scenario(good(), {failure}, "a call fails", "held");
    ASSERT_TRUE(text) << text.error().message;
    const Scenario scenario = parsed(*text);
    EXPECT_EQ(scenario.schedule.find("onliner"), nullptr);
    EXPECT_EQ(scenario.schedule.actor("again").device_id, "dimm0-again");
    const auto fault = std::ranges::find(scenario.arms, "fault", &ScenarioArm::name);
    ASSERT_NE(fault, scenario.arms.end());
    EXPECT_EQ(fault->failures.at(0).value, static_cast<std::uint64_t>(-12));
}

TEST(SweepScenario, TwoCallsMayFail) {
    const FailureSpec first{"adder", "kmem_cache_alloc", {"create_node"}, 1, 0};
    const FailureSpec second{"adder", "__kmalloc", {"undo"}, 2, 0};
    const auto text = failing_scenario(good(), {first, second}, "two calls fail", "held");
    ASSERT_TRUE(text) << text.error().message;
    const Scenario scenario = parsed(*text);
    const auto fault = std::ranges::find(scenario.arms, "fault", &ScenarioArm::name);
    ASSERT_NE(fault, scenario.arms.end());
    ASSERT_EQ(fault->failures.size(), 2u);
    EXPECT_EQ(fault->failures[1].path, second.path);
}

TEST(SweepScenario, ALoopCannotBeSwept) {
    Scenario loop = good();
    loop.schedule.rounds = 8;
    const auto text = sequential_scenario(loop);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().fault, Fault::user_input);
}

TEST(SweepScenario, WithoutAnActorThatCanBeSweptThereIsNothingToDo) {
    Scenario scenario = good();
    for (auto& actor : scenario.schedule.actors) actor.expected = {16};
    scenario.schedule.actors[0].refusals = {{"GenericError", "no slot"}};
    EXPECT_TRUE(sweepable_actors(scenario).empty());
    EXPECT_FALSE(sequential_scenario(scenario));
}

}  // namespace
}  // namespace memrig
