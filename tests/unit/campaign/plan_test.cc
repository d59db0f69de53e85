#include "campaign/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/paths.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;

constexpr const char* kRun = "[[run]]\nscenarios = [\"race/acpi-dimm-online\"]\nkernels = [\"debian-6.1-amd64\"]\n";

std::string plan_of(const std::string& runs) { return "schema = 1\nname = \"night\"\n" + runs; }

std::string mistake_in(const std::string& text) {
    TomlDocument document = TomlDocument::parse(text, "plan.toml");
    if (document.status()) static_cast<void>(parse_plan(document));
    return document.diagnostics().empty() ? "" : document.diagnostics().front().text();
}

Plan good(const std::string& runs) {
    TomlDocument document = TomlDocument::parse(plan_of(runs), "plan.toml");
    Plan plan = parse_plan(document);
    EXPECT_TRUE(document.status()) << document.diagnostics().front().text();
    return plan;
}

TEST(CampaignPlan, IsEveryArmOnEveryKernel) {
    const Plan plan = good(
        "[[run]]\nscenarios = [\"race/acpi-dimm-online\", \"validate/unplug\"]\nkernels = [\"a\", \"b\"]\ntrials = "
        "7\n");
    ASSERT_EQ(plan.cells.size(), 10u) << "one of them has three arms";
    EXPECT_EQ(plan.cells[0].key(), "race/acpi-dimm-online a control");
    EXPECT_EQ(plan.cells[3].key(), "race/acpi-dimm-online b mutant");
    EXPECT_EQ(plan.trials(), 70u);
}

TEST(CampaignPlan, WithoutTrialsTheScenarioSays) { EXPECT_EQ(good(kRun).cells.front().trials, 10u); }

TEST(CampaignPlan, TakesArmsBenchesAndFolders) {
    const Plan plan = good(
        "[[run]]\nscenarios = \"race/acpi-dimm-device-memory\"\nkernels = \"a\"\nbenches = \"q35-nvdimm\"\narms = "
        "\"control\"\n"
        "[[run]]\nscenarios = \"race\"\nkernels = \"a\"\narms = \"control\"\n");
    ASSERT_GT(plan.cells.size(), 5u);
    EXPECT_EQ(plan.cells[0].key(), "race/acpi-dimm-device-memory a q35-nvdimm control");
    for (std::size_t i = 1; i < plan.cells.size(); i++) {
        EXPECT_TRUE(plan.cells[i].key().starts_with("race/")) << plan.cells[i].key();
        EXPECT_TRUE(plan.cells[i].key().ends_with(" a control")) << plan.cells[i].key();
    }
}

TEST(CampaignPlan, TakesTheModulesOfAKernelByPath) {
    const Plan plan =
        good("[[run]]\nscenarios = \"race/acpi-dimm-online\"\nkernels = \"./bzImage\"\nmodules = \"mods/6.1\"\n" +
             std::string(kRun));
    EXPECT_EQ(plan.cells.front().modules, "mods/6.1");
    EXPECT_EQ(plan.cells.front().key(), "race/acpi-dimm-online ./bzImage control");
    EXPECT_EQ(plan.cells.back().modules, "");
}

TEST(CampaignPlan, ATrialsSeedIsItsOwn) {
    Plan plan = good(kRun);
    const PlanCell cell = plan.cells[0];
    EXPECT_EQ(plan.seed_of(cell, 1), plan.seed_of(cell, 1));
    EXPECT_NE(plan.seed_of(cell, 1), plan.seed_of(cell, 2));
    EXPECT_NE(plan.seed_of(cell, 1), plan.seed_of(plan.cells[1], 1));
    const std::uint64_t before = plan.seed_of(cell, 1);
    plan.seed = 1;
    EXPECT_NE(plan.seed_of(cell, 1), before);
}

TEST(CampaignPlan, EachMistakeIsSaidWithItsPlace) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"schema = 1\n", "name"},
        {"schema = 2\nname = \"a\"\n" + std::string(kRun), "plan.toml:1"},
        {"schema = 1\nname = \"../a\"\n" + std::string(kRun), "plan.toml:2:8: a name has at most"},
        {plan_of(""), "run"},
        {plan_of("[[run]]\nscenarios = [\"race/nothing\"]\nkernels = [\"a\"]\n"), "plan.toml:4"},
        {plan_of("[[run]]\nscenarios = [\"race/acpi-dimm-online\"]\n"), "kernels"},
        {plan_of(kRun + std::string("arms = [\"contol\"]\n")),
         "plan.toml:6:8: none of these scenarios has an arm \"contol\""},
        {plan_of(kRun + std::string("benches = [\"q35-numa\"]\n")),
         "plan.toml:6:11: scenario race/acpi-dimm-online is not for bench q35-numa"},
        {plan_of(kRun + std::string("modules = \"mods/6.1\"\n")),
         "plan.toml:6:11: the kernel \"debian-6.1-amd64\" is known by its id"},
        {plan_of(kRun + std::string("trials = 0\n")), "plan.toml:6"},
        {plan_of(kRun + std::string("kernel = \"a\"\n")), "unknown"},
        {plan_of(kRun + std::string(kRun)), "the plan has this twice: race/acpi-dimm-online debian-6.1-amd64 control"}};
    for (const auto& [text, mistake] : cases) EXPECT_THAT(mistake_in(text), HasSubstr(mistake)) << text;
}

TEST(CampaignPlan, OursAreGood) {
    EXPECT_TRUE(load_plan(home_directory() / "examples" / "nightly.toml"));
    const auto none = load_plan("/nonexistent/plan.toml");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::user_input);
}

}  // namespace
}  // namespace memrig
