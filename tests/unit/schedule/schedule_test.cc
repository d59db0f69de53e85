// Schedules as data and as text.
#include <gtest/gtest.h>

#include "schedule/schedule.h"

namespace memrig {
namespace {

TEST(Observation, IsReadAndWritten) {
    const std::pair<const char*, Observation::Kind> table[] = {
        {"refused device_hotplug_lock", Observation::Kind::refused},
        {"entered memory_subsys_online", Observation::Kind::entered},
        {"stalled do_migrate_range", Observation::Kind::stalled},
        {"blocked mem_hotplug_lock", Observation::Kind::blocked}};
    for (const auto& [text, kind] : table) {
        const auto evidence = parse_evidence(text);
        ASSERT_TRUE(evidence) << text;
        EXPECT_EQ(evidence->kind, kind);
        EXPECT_EQ(evidence->text(), text);
    }
    EXPECT_EQ(parse_evidence("refused device_hotplug_lock")->subject, "device_hotplug_lock");
}

TEST(Observation, WhatIsNoneIsNothing) {
    for (const auto* text :
         {"", "refused", "refused ", " lock", "refuses lock", "Refused lock", "refused two locks", "refused  lock"})
        EXPECT_FALSE(parse_evidence(text)) << text;
}

TEST(Step, Texts) {
    EXPECT_EQ((Step{StepKind::start, "adder", {}, false, {}}.text()), "start adder");
    EXPECT_EQ((Step{StepKind::hold, "adder", "bus_probe_device", true, {}}.text()),
              "hold adder at bus_probe_device of a memory block");
    EXPECT_EQ((Step{StepKind::hold, "adder", "mem_hotplug_begin", false, {}}.text()),
              "hold adder at mem_hotplug_begin");
    EXPECT_EQ((Step{StepKind::await,
                    "onliner",
                    {},
                    false,
                    {{Observation::Kind::refused, "a"}, {Observation::Kind::entered, "b"}}}
                   .text()),
              "await onliner: refused a, or entered b");
    EXPECT_EQ((Step{StepKind::release, "adder", {}, false, {}}.text()), "release adder");
    EXPECT_EQ(Step{}.text(), "settle");
}

TEST(Schedule, FindsItsActors) {
    Schedule schedule;
    schedule.actors.resize(2);
    schedule.actors[0].name = "adder";
    schedule.actors[1].name = "onliner";
    EXPECT_EQ(schedule.find("onliner"), &schedule.actors[1]);
    EXPECT_EQ(schedule.find("remover"), nullptr);
}

}  // namespace
}  // namespace memrig
