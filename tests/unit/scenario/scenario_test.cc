// Scenario files: what is read of a good one, and golden diagnostics of broken ones
// (tests/golden/scenarios/TOPIC.cases).
#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "base/file.h"
#include "good_scenario.h"

namespace memrig {
namespace {

constexpr std::array kTopics = {"actors", "arms", "explore", "file", "steps"};

struct BrokenCase {
    std::string topic, name;
};

std::vector<BrokenCase> broken_cases() {
    std::vector<BrokenCase> all;
    for (const std::string topic : kTopics)
        for (const auto& one : golden_cases(cases_file(topic))) all.push_back({topic, one.name});
    return all;
}

class BrokenScenario : public testing::TestWithParam<BrokenCase> {
protected:
    // The case's input is a whole file, or hunks for good.toml.
    BrokenScenario() {
        text = golden_case(cases_file(GetParam().topic), GetParam().name).input;
        if (text.starts_with("@@\n")) text = patched(good_text(), text);
    }
    std::string text;
};

TEST_P(BrokenScenario, IsReportedWithFileLineAndColumn) {
    TomlDocument document = TomlDocument::parse(text, GetParam().name + ".toml");
    (void)parse_scenario(document, GetParam().name);
    std::vector<Diagnostic> found = document.diagnostics();
    std::ranges::stable_sort(found, {}, [](const Diagnostic& one) { return std::pair(one.line, one.column); });
    std::string got;
    for (const auto& diagnostic : found) {
        EXPECT_GT(diagnostic.line, 0u) << diagnostic.message;
        got += diagnostic.text() + "\n";
    }
    EXPECT_FALSE(got.empty()) << "nothing was found to be wrong";
    expect_golden_case(cases_file(GetParam().topic), GetParam().name, got);
}

TEST_P(BrokenScenario, IsRefused) {
    const auto directory = TemporaryDirectory::make("memrig-scenario-test");
    ASSERT_TRUE(directory);
    const fs::path file = directory->path() / "broken.toml";
    ASSERT_TRUE(write_file(file, text));
    const auto scenario = load_scenario(file.string());
    ASSERT_FALSE(scenario);
    EXPECT_EQ(scenario.error().fault, Fault::user_input);
}

std::string test_name(const testing::TestParamInfo<BrokenCase>& tested) {
    std::string name = tested.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Golden, BrokenScenario, testing::ValuesIn(broken_cases()), test_name);

TEST(ScenarioCases, AreThere) { EXPECT_GE(broken_cases().size(), 115u); }

TEST(Scenario, AGoodOneIsReadWhole) {
    const auto scenario = load_scenario(golden_path("scenarios/good.toml").string());
    ASSERT_TRUE(scenario) << scenario.error().message;
    EXPECT_EQ(scenario->title, "A title");
    EXPECT_EQ(scenario->verifies, "R3");
    EXPECT_EQ(scenario->benches, std::vector<std::string>{"q35"});
    EXPECT_EQ(scenario->trials, 10u);

    ASSERT_EQ(scenario->schedule.actors.size(), 2u);
    const Actor& adder = scenario->schedule.actors[0];
    EXPECT_EQ(adder.name, "adder");
    EXPECT_EQ(adder.kind, ActorKind::adder);
    EXPECT_EQ(adder.bytes, 1ull << 30);
    EXPECT_EQ(adder.entry, std::vector<std::string>{"acpi_device_hotplug"});
    const Actor& onliner = scenario->schedule.actors[1];
    EXPECT_EQ(onliner.kind, ActorKind::onliner);
    EXPECT_EQ(onliner.attributes, (std::vector<std::string>{"state", "online"}));
    EXPECT_EQ(onliner.trigger, WriterTrigger::now);

    std::vector<std::string> steps;
    for (const auto& step : scenario->schedule.steps) steps.push_back(step.text());
    EXPECT_EQ(steps, (std::vector<std::string>{
                         "start adder", "hold adder at bus_probe_device of a memory block", "start onliner",
                         "await onliner: refused device_hotplug_lock, or entered memory_subsys_online", "release adder",
                         "settle"}));

    ASSERT_EQ(scenario->arms.size(), 2u);
    EXPECT_EQ(scenario->arms[0].name, "control");
    EXPECT_EQ(scenario->arms[0].expected, std::vector<Verdict>{Verdict::held});
    EXPECT_TRUE(scenario->arms[0].elisions.empty());
    EXPECT_EQ(scenario->arms[1].name, "mutant");
    EXPECT_EQ(scenario->arms[1].purpose, "without the lock");
    EXPECT_EQ(scenario->arms[1].expected, (std::vector<Verdict>{Verdict::oops, Verdict::deadlock}));
    ASSERT_EQ(scenario->arms[1].elisions.size(), 1u);
    EXPECT_EQ(scenario->arms[1].elisions[0].lock, "lock_device_hotplug");
    EXPECT_EQ(scenario->arms[1].elisions[0].unlock, "unlock_device_hotplug");
    EXPECT_EQ(scenario->arms[1].elisions[0].callers, std::vector<std::string>{"acpi_device_hotplug"});
    EXPECT_EQ(scenario->arms[1].elisions[0].value, 0u);
    ASSERT_EQ(scenario->arms[1].overrides.size(), 1u);
    EXPECT_EQ(scenario->arms[1].overrides[0].function, "zone_for_pfn_range");
    EXPECT_EQ(scenario->arms[1].overrides[0].argument, 1u);
    EXPECT_EQ(scenario->arms[1].overrides[0].from, -1);
    EXPECT_EQ(scenario->arms[1].overrides[0].to, 0);
}

TEST(Scenario, WhatHasADefaultNeedNotBeSaid) {
    TomlDocument document = TomlDocument::parse(good_text(), "good.toml");
    const Scenario scenario = parse_scenario(document, "race/good");
    EXPECT_EQ(scenario.name, "race/good");
    EXPECT_EQ(scenario.schedule.actors[0].node, 0);
    EXPECT_EQ(scenario.schedule.actors[1].value, "");
    EXPECT_TRUE(scenario.schedule.actors[1].entry.empty());
}

// --- explore mode's table

TEST(Scenario, WithoutAnExploreTableThePointsAreTheDefaultOnes) {
    const Scenario scenario = good_with("");
    EXPECT_TRUE(scenario.points.empty());
    EXPECT_TRUE(scenario.explore_settings.empty());
}

TEST(Scenario, TheExploreTableIsRead) {
    const Scenario scenario = good_with(
        "[explore]\npoints = [\"device_add\", \"try_remove_memory.part.0\"]\n"
        "set = [\"adder.size=128M\", \"onliner.attribute=online\"]\n");
    EXPECT_EQ(scenario.points, (std::vector<std::string>{"device_add", "try_remove_memory.part.0"}));
    EXPECT_EQ(scenario.explore_settings, (std::vector<std::string>{"adder.size=128M", "onliner.attribute=online"}));
    EXPECT_EQ(scenario.schedule.actors[0].bytes, 1ull << 30) << "that is for explore mode only";
    EXPECT_EQ(scenario.schedule.actors[1].attributes.size(), 2u);
}

}  // namespace
}  // namespace memrig
