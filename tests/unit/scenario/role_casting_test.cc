// Roles in a scenario: which function plays them in a kernel, and what happens where none does.
#include <gtest/gtest.h>

#include "scenario/scenario.h"

namespace memrig {
namespace {

SymbolTable kernel_with(const std::vector<std::string>& functions) {
    std::vector<Symbol> symbols;
    for (const auto& name : functions) symbols.push_back({0xffffffff81000000 + 0x100 * symbols.size(), 'T', name});
    return SymbolTable(std::move(symbols));
}

Scenario scenario_with_roles() {
    Scenario scenario;
    Actor actor;
    actor.name = "adder";
    actor.entry = {"{driver-adder}"};
    scenario.schedule.actors.push_back(actor);
    Step step;
    step.at = "{adder}";
    step.any = {{Observation::Kind::entered, "{adder}"}, {Observation::Kind::refused, "device_hotplug_lock"}};
    scenario.schedule.steps.push_back(step);
    scenario.points = {"{remover}", "device_add"};
    ScenarioArm arm;
    arm.name = "mutant";
    arm.elisions = {{"lock_device_hotplug", "unlock_device_hotplug", {"{store-state}", "{store-probe}"}}};
    arm.overrides = {{"{adder}", 0, 0, 1}};
    arm.insertions = {{"{remover}", {"unlock_device_hotplug"}}};
    scenario.arms.push_back(arm);
    return scenario;
}

TEST(RoleCasting, EachRoleBecomesTheFunctionThatPlaysIt) {
    Scenario scenario = scenario_with_roles();
    ASSERT_TRUE(cast_roles(scenario, kernel_with({"add_memory_resource", "add_memory_driver_managed",
                                                  "try_remove_memory", "state_store", "probe_store"})));
    EXPECT_EQ(scenario.schedule.actors[0].entry, std::vector<std::string>{"add_memory_driver_managed"});
    EXPECT_EQ(scenario.schedule.steps[0].at, "add_memory_resource");
    EXPECT_EQ(scenario.schedule.steps[0].any[0].subject, "add_memory_resource");
    EXPECT_EQ(scenario.schedule.steps[0].any[1].subject, "device_hotplug_lock");
    EXPECT_EQ(scenario.points, (std::vector<std::string>{"try_remove_memory", "device_add"}));
    const ScenarioArm& arm = scenario.arms[0];
    EXPECT_EQ(arm.elisions[0].callers, (std::vector<std::string>{"state_store", "probe_store"}));
    EXPECT_EQ(arm.overrides[0].function, "add_memory_resource");
    EXPECT_EQ(arm.insertions[0].before, "try_remove_memory");
}

// Since v7.3-rc1, where the functions of old wrap new ones.
TEST(RoleCasting, TheWrappedFunctionPlaysTheRoleWhereThereIsOne) {
    Scenario scenario = scenario_with_roles();
    ASSERT_TRUE(
        cast_roles(scenario, kernel_with({"add_memory_resource", "__add_memory_resource", "add_memory_driver_managed",
                                          "__add_memory_driver_managed", "try_remove_memory", "state_store"})));
    EXPECT_EQ(scenario.schedule.actors[0].entry, std::vector<std::string>{"__add_memory_driver_managed"});
    EXPECT_EQ(scenario.arms[0].overrides[0].function, "__add_memory_resource");
    EXPECT_EQ(scenario.arms[0].elisions[0].callers, std::vector<std::string>{"state_store"})
        << "a caller that this kernel does not have is not needed";
}

TEST(RoleCasting, ARoleThatNobodyPlaysIsNamed) {
    Scenario scenario = scenario_with_roles();
    const Status cast = cast_roles(scenario, kernel_with({"add_memory_resource", "try_remove_memory", "state_store"}));
    ASSERT_FALSE(cast);
    EXPECT_EQ(cast.error().fault, Fault::guest);
    EXPECT_EQ(cast.error().message,
              "this kernel has no {driver-adder}: none of __add_memory_driver_managed, "
              "add_memory_driver_managed has a symbol");
    Scenario uncalled = scenario_with_roles();
    EXPECT_FALSE(
        cast_roles(uncalled, kernel_with({"add_memory_resource", "add_memory_driver_managed", "try_remove_memory"})))
        << "an elision without any caller";
}

}  // namespace
}  // namespace memrig
