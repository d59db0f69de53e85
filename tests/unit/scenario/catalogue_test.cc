// The shipped scenarios, and the words that name them.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/paths.h"
#include "scenario/scenario.h"

namespace memrig {
namespace {

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
    const auto named =
        named_scenarios({"acpi-dimm-online", path, "race", "acpi-dimm-lock-order", "race/acpi-dimm-online"});
    ASSERT_TRUE(named) << named.error().message;
    EXPECT_EQ(named->front(), "race/acpi-dimm-online");
    EXPECT_EQ(std::ranges::count(*named, "race/acpi-dimm-online"), 1);
    EXPECT_EQ(named->back(), "validate/acpi-dimm-lock-order");
    const auto own = named_scenarios({"/nonexistent/x.toml", "./y.toml"});
    ASSERT_TRUE(own);
    EXPECT_EQ(*own, (std::vector<std::string>{"/nonexistent/x.toml", "./y.toml"}));
    EXPECT_TRUE(named_scenarios({})->empty());
}

TEST(ShippedScenarios, ARenamedOneIsStillKnownByItsOldName) {
    testing::internal::CaptureStderr();
    const auto scenario = load_scenario("order/acpi-dimm-lock-order");
    ASSERT_TRUE(scenario) << scenario.error().message;
    EXPECT_EQ(scenario->name, "validate/acpi-dimm-lock-order");
    for (const char* word : {"order/acpi-dimm-lock-order", "order", "order/", "order/*"}) {
        const auto named = named_scenarios({word, "acpi-dimm-lock-order"});
        ASSERT_TRUE(named) << named.error().message;
        EXPECT_EQ(*named, std::vector<std::string>{"validate/acpi-dimm-lock-order"}) << word;
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "memrig: scenario order/acpi-dimm-lock-order is now validate/acpi-dimm-lock-order; the old name will not "
              "work after this release\n")
        << "once";
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
