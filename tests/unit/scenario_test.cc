// Scenario files: what is read of a good one; the shipped ones; golden diagnostics of broken ones, tests/golden/scenarios/NAME.toml
// and what `memrig scenarios check` finds in it, NAME.txt.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"
#include "scenario/scenario.h"

namespace memrig {
namespace {

fs::path golden_directory() { return fs::path(MEMRIG_TEST_DATA) / "golden" / "scenarios"; }

std::vector<std::string> golden_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(golden_directory()))
        if (entry.path().extension() == ".toml" && entry.path().stem() != "good")
            names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

class BrokenScenario : public testing::TestWithParam<std::string> {};

TEST_P(BrokenScenario, IsReportedWithFileLineAndColumn) {
    const fs::path file = golden_directory() / (GetParam() + ".toml");
    const auto text = read_file(file);
    ASSERT_TRUE(text);
    TomlDocument document = TomlDocument::parse(*text, GetParam() + ".toml");
    (void)parse_scenario(document, GetParam());
    std::vector<Diagnostic> found = document.diagnostics();
    std::ranges::stable_sort(found, {}, [](const Diagnostic& one) { return std::pair(one.line, one.column); });
    std::string got;
    for (const auto& diagnostic : found) {
        EXPECT_GT(diagnostic.line, 0u) << diagnostic.message;
        got += diagnostic.text() + "\n";
    }
    EXPECT_FALSE(got.empty()) << "nothing was found to be wrong";
    const fs::path golden = golden_directory() / (GetParam() + ".txt");
    if (std::getenv("MEMRIG_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(write_file(golden, got));
    }
    const auto expected = read_file(golden);
    ASSERT_TRUE(expected) << "no " << shown(golden) << ": run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(*expected, got);
}

TEST_P(BrokenScenario, IsRefused) {
    const auto scenario = load_scenario((golden_directory() / (GetParam() + ".toml")).string());
    ASSERT_FALSE(scenario);
    EXPECT_EQ(scenario.error().fault, Fault::user_input);
}

std::string test_name(const testing::TestParamInfo<std::string>& tested) {
    std::string name = tested.param;
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Golden, BrokenScenario, testing::ValuesIn(golden_names()), test_name);

TEST(Scenario, AGoodOneIsReadWhole) {
    const auto scenario = load_scenario((golden_directory() / "good.toml").string());
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
    TomlDocument document = TomlDocument::parse(*read_file(golden_directory() / "good.toml"), "good.toml");
    const Scenario scenario = parse_scenario(document, "race/good");
    EXPECT_EQ(scenario.name, "race/good");
    EXPECT_EQ(scenario.schedule.actors[0].node, 0);
    EXPECT_EQ(scenario.schedule.actors[1].value, "");
    EXPECT_TRUE(scenario.schedule.actors[1].entry.empty());
}

// --- explore mode's table, and settings

Scenario good_with(const std::string& explore) {
    TomlDocument document =
        TomlDocument::parse(*read_file(golden_directory() / "good.toml") + "\n" + explore, "good.toml");
    Scenario scenario = parse_scenario(document, "good");
    EXPECT_TRUE(document.status()) << document.status().error().message;
    return scenario;
}

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

TEST(Settings, FixASizeOrAnAttribute) {
    Scenario scenario = good_with("");
    ASSERT_TRUE(apply_setting(scenario, "adder.size=128M"));
    EXPECT_EQ(scenario.schedule.actors[0].bytes, 128ull << 20);
    ASSERT_TRUE(apply_setting(scenario, "onliner.attribute=online"));
    EXPECT_EQ(scenario.schedule.actors[1].attributes, std::vector<std::string>{"online"});
    ASSERT_TRUE(apply_setting(scenario, "adder.size=2G")) << "the last one counts";
    EXPECT_EQ(scenario.schedule.actors[0].bytes, 2ull << 30);
}

TEST(Settings, HaveAPageKeptOrNot) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "onliner.keeps=nothing")) << "it pins none";
    scenario.schedule.actors[1].kind = ActorKind::pinner;
    ASSERT_TRUE(apply_setting(scenario, "onliner.keeps=nothing"));
    EXPECT_FALSE(scenario.schedule.actors[1].keeps);
    EXPECT_FALSE(apply_setting(scenario, "onliner.keeps=all"));
    ASSERT_TRUE(apply_setting(scenario, "onliner.keeps=page"));
    EXPECT_TRUE(scenario.schedule.actors[1].keeps);
}

TEST(Settings, GiveADimmAnotherNodeOrId) {
    Scenario scenario = good_with("");
    ASSERT_TRUE(apply_setting(scenario, "adder.node=1"));
    ASSERT_TRUE(apply_setting(scenario, "adder.id=dimm7"));
    EXPECT_EQ(scenario.schedule.actors[0].node, 1);
    EXPECT_EQ(scenario.schedule.actors[0].device_id, "dimm7");
    for (const char* wrong : {"adder.node=", "adder.node=-1", "adder.node=128", "adder.node=1x",
                              "adder.id=", "adder.id=7", "adder.id=a b", "onliner.id=dimm1", "onliner.node=1"})
        EXPECT_FALSE(apply_setting(scenario, wrong)) << wrong;
    EXPECT_EQ(scenario.schedule.actors[0].node, 1);
    EXPECT_EQ(scenario.schedule.actors[0].device_id, "dimm7");
}

TEST(Settings, MistakesAreNamedAndChangeNothing) {
    const std::pair<const char*, const char*> table[] = {
        {"", "\"\" is no setting: actor.key=value"},
        {"adder", "\"adder\" is no setting"},
        {"adder.size", "\"adder.size\" is no setting"},
        {"adder=size.128M", "is no setting"},
        {"remover.size=1G", "has no actor \"remover\""},
        {".size=1G", "has no actor \"\""},
        {"adder.size=", "\"\" is no size"},
        {"adder.size=0", "\"0\" is no size"},
        {"adder.size=-1G", "\"-1G\" is no size"},
        {"adder.size=1Q", "\"1Q\" is no size"},
        {"adder.size=99999999999G", "is no size"},
        {"adder.attribute=state", "actor adder has no setting \"attribute\""},
        {"adder.slot=1", "actor adder has no setting \"slot\""},
        {"onliner.size=1G", "actor onliner has no setting \"size\""},
        {"onliner.attribute=valid_zones", "does not offer onliner.attribute=valid_zones"},
        {"onliner.attribute=", "does not offer onliner.attribute="}};
    for (const auto& [setting, words] : table) {
        Scenario scenario = good_with("");
        const Status applied = apply_setting(scenario, setting);
        ASSERT_FALSE(applied) << setting;
        EXPECT_EQ(applied.error().fault, Fault::user_input);
        EXPECT_NE(applied.error().message.find(words), std::string::npos) << applied.error().message;
        EXPECT_EQ(scenario.schedule.actors[0].bytes, 1ull << 30);
        EXPECT_EQ(scenario.schedule.actors[1].attributes.size(), 2u);
    }
}

TEST(Settings, SayWhoVetoes) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "veto.by=kernel")) << "there is no veto";
    scenario = good_with("[veto]\nnotice = \"MEM_GOING_OFFLINE\"\n");
    ASSERT_TRUE(scenario.veto);
    EXPECT_EQ(scenario.veto->notice, Notice::going_offline);
    EXPECT_EQ(scenario.veto->by, VetoSpec::By::probe);
    ASSERT_TRUE(apply_setting(scenario, "veto.by=kernel"));
    EXPECT_EQ(scenario.veto->by, VetoSpec::By::kernel);
    EXPECT_FALSE(apply_setting(scenario, "veto.by=me"));
    EXPECT_FALSE(apply_setting(scenario, "veto.notice=MEM_ONLINE"));
    scenario = good_with("[veto]\nnotice = \"MEM_GOING_ONLINE\"\nafter = 1\n");
    ASSERT_TRUE(scenario.veto);
    EXPECT_EQ(scenario.veto->after, 1u);
    EXPECT_FALSE(apply_setting(scenario, "veto.by=kernel")) << "its error injector cannot count";
    EXPECT_TRUE(apply_setting(scenario, "veto.by=nobody"));
}

TEST(Settings, AnAttributeThatWasFixedCannotBecomeAnother) {
    Scenario scenario = good_with("");
    ASSERT_TRUE(apply_setting(scenario, "onliner.attribute=online"));
    EXPECT_FALSE(apply_setting(scenario, "onliner.attribute=state"));
}

TEST(Settings, FixTheRoundsOfALoop) {
    Scenario scenario = good_with("");
    EXPECT_FALSE(apply_setting(scenario, "loop.rounds=256")) << "it has no loop";
    scenario.schedule.rounds = 20;
    scenario.schedule.warm_up = 8;
    EXPECT_TRUE(apply_setting(scenario, "loop.rounds=256"));
    EXPECT_EQ(scenario.schedule.looks(), (std::vector<unsigned>{8, 90, 173, 256}));
    for (const auto* rounds : {"10", "0", "-1", "many", "256x", "", "100001"})
        EXPECT_FALSE(apply_setting(scenario, std::string("loop.rounds=") + rounds)) << rounds;
    EXPECT_EQ(scenario.schedule.rounds, 256u);
}

// --- the shipped ones

TEST(ShippedScenarios, HaveNoMistakes) {
    const auto names = scenario_names();
    ASSERT_FALSE(names.empty());
    EXPECT_TRUE(std::ranges::is_sorted(names));
    for (const auto& name : names) {
        const auto found = check_scenario(home_directory() / "scenarios" / (name + ".toml"));
        ASSERT_TRUE(found);
        for (const auto& diagnostic : *found) ADD_FAILURE() << diagnostic.text();
        EXPECT_TRUE(load_scenario(name)) << name;
    }
}

TEST(ShippedScenarios, AreKnownByTheirPathOrItsLastPart) {
    const auto whole = load_scenario("race/acpi-dimm-online");
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->name, "race/acpi-dimm-online");
    const auto last = load_scenario("acpi-dimm-online");
    ASSERT_TRUE(last);
    EXPECT_EQ(last->name, "race/acpi-dimm-online");
    const auto path = load_scenario((home_directory() / "scenarios/race/acpi-dimm-online.toml").string());
    ASSERT_TRUE(path);
    EXPECT_EQ(path->name, "race/acpi-dimm-online");
}

TEST(ShippedScenarios, SayWhatPathTheyAreAbout) {
    for (const auto& name : scenario_names()) EXPECT_NE(load_scenario(name)->path, "") << name;
}

TEST(ShippedScenarios, AFolderStandsForAllInIt) {
    std::vector<std::string> races;
    for (const auto& name : scenario_names())
        if (name.starts_with("race/")) races.push_back(name);
    for (const char* word : {"race", "race/", "race/*"}) {
        const auto named = named_scenarios({word});
        ASSERT_TRUE(named) << named.error().message;
        EXPECT_EQ(*named, races);
    }
}

TEST(ShippedScenarios, NamedTwiceIsNamedOnce) {
    const std::string path = (home_directory() / "scenarios/race/acpi-dimm-online.toml").string();
    const auto named = named_scenarios({"acpi-dimm-online", path, "race", "order", "race/acpi-dimm-online"});
    ASSERT_TRUE(named) << named.error().message;
    EXPECT_EQ(named->front(), "race/acpi-dimm-online");
    EXPECT_EQ(std::ranges::count(*named, "race/acpi-dimm-online"), 1);
    EXPECT_EQ(named->back(), "order/acpi-dimm-lock-order");
    const auto own = named_scenarios({"/nonexistent/x.toml", "./y.toml"});
    ASSERT_TRUE(own);
    EXPECT_EQ(*own, (std::vector<std::string>{"/nonexistent/x.toml", "./y.toml"}));
    EXPECT_TRUE(named_scenarios({})->empty());
}

TEST(ShippedScenarios, AFolderThatIsNotThereIsSaidToBe) {
    for (const char* word : {"rac", "rac/", "race*", "/*", "/", "", "*"}) {
        const auto named = named_scenarios({"race", word});
        ASSERT_FALSE(named) << word;
        EXPECT_EQ(named.error().fault, Fault::user_input);
    }
}

TEST(ShippedScenarios, OneThatIsNotThereIsSaidToBe) {
    const auto scenario = load_scenario("no-such-scenario");
    ASSERT_FALSE(scenario);
    EXPECT_EQ(scenario.error().fault, Fault::user_input);
    EXPECT_NE(scenario.error().message.find("\"no-such-scenario\""), std::string::npos);
    const auto file = load_scenario("/nonexistent/x.toml");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().fault, Fault::user_input);
    EXPECT_FALSE(check_scenario("/nonexistent/x.toml"));
}

}  // namespace
}  // namespace memrig
