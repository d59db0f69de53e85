// A scenario that is written once, as each of its benches plays it.
#include <cerrno>

#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace memrig {
namespace {

class Fitting : public ::testing::Test {
protected:
    void SetUp() override {
        auto loaded = load_scenario("race/acpi-dimm-online");
        ASSERT_TRUE(loaded) << loaded.error().message;
        written = *std::move(loaded);
    }
    Scenario on(const std::string& bench) const {
        const auto loaded = load_bench(bench);
        EXPECT_TRUE(loaded) << loaded.error().message;
        return fitted_to(*loaded, written);
    }
    static const ElisionSpec& elision(const Scenario& scenario) {
        return std::ranges::find(scenario.arms, "mutant", &ScenarioArm::name)->elisions.at(0);
    }

    Scenario written;
};

TEST_F(Fitting, TheBenchNamesWhoHotplugs) {
    EXPECT_EQ(written.schedule.find("adder")->entry, std::vector<std::string>{kBenchHotplug});
    for (const auto& [bench, function] : {std::pair{"q35", "acpi_device_hotplug"}, {"pseries", "dlpar_memory"}}) {
        const Scenario played = on(bench);
        EXPECT_EQ(played.schedule.find("adder")->entry, std::vector<std::string>{function});
        EXPECT_EQ(elision(played).callers, std::vector<std::string>{function});
        EXPECT_EQ(elision(played).lock, "lock_device_hotplug");
    }
}

TEST_F(Fitting, WhereTheAdderOnlinesOnlyOneAttributeIsASuccessToo) {
    const Scenario acpi = on("q35");
    EXPECT_FALSE(acpi.schedule.find("adder")->onlined_by_kernel);
    EXPECT_EQ(acpi.schedule.find("onliner")->attributes, (std::vector<std::string>{"state", "online"}));
    const Scenario dlpar = on("pseries");
    EXPECT_TRUE(dlpar.schedule.find("adder")->onlined_by_kernel);
    EXPECT_EQ(dlpar.schedule.find("onliner")->attributes, std::vector<std::string>{"online"});
    EXPECT_TRUE(dlpar.schedule.find("onliner")->expects_success());
}

TEST_F(Fitting, ADimmIsOfOneLmbAtLeast) {
    ASSERT_TRUE(apply_setting(written, "adder.size=128M"));
    EXPECT_EQ(on("q35").schedule.find("adder")->bytes, 128u << 20);
    EXPECT_EQ(on("pseries").schedule.find("adder")->bytes, 256u << 20);
    ASSERT_TRUE(apply_setting(written, "adder.size=1G"));
    EXPECT_EQ(on("pseries").schedule.find("adder")->bytes, 1u << 30);
}

TEST_F(Fitting, AVcpuThatIsPluggedThereIsBroughtOnlineToo) {
    Actor adder;
    adder.name = "vcpu";
    adder.kind = ActorKind::vcpu_plugger;
    written.schedule.actors.push_back(adder);
    EXPECT_FALSE(on("q35").schedule.find("vcpu")->onlined_by_kernel);
    EXPECT_TRUE(on("pseries").schedule.find("vcpu")->onlined_by_kernel);
}

TEST_F(Fitting, WhoWasToldToWriteTheOtherIsExpectedToFail) {
    ASSERT_TRUE(apply_setting(written, "onliner.attribute=state"));
    EXPECT_TRUE(on("q35").schedule.find("onliner")->expects_success());
    EXPECT_EQ(on("pseries").schedule.find("onliner")->expected, std::vector<int>{EINVAL});
}

// Xen would stand still with the vCPU.
TEST_F(Fitting, NoVcpuIsHeldBesideAHypervisor) {
    const auto holds = [](const Scenario& scenario, bool parked) {
        return std::ranges::count_if(scenario.schedule.steps, [&](const Step& step) {
            return step.kind == StepKind::hold && step.parked == parked;
        });
    };
    EXPECT_EQ(holds(on("q35"), true), 0);
    EXPECT_GT(holds(on("q35"), false), 0);
    EXPECT_GT(holds(on("xen"), true), 0);
    EXPECT_EQ(holds(on("xen"), false), 0);
}

TEST_F(Fitting, WhatNamesItsFunctionKeepsIt) {
    const auto loaded = load_scenario("validate/unplug-refused");
    ASSERT_TRUE(loaded);
    const auto bench = load_bench("pseries");
    ASSERT_TRUE(bench);
    EXPECT_EQ(fitted_to(*bench, *loaded).schedule.find("remover")->entry,
              std::vector<std::string>{"acpi_device_hotplug"});
}

}  // namespace
}  // namespace memrig
