#include "watch/armament.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

using State = WatcherReport::State;

TEST(Armament, GoesToJsonAndBack) {
    Armament armament;
    armament.stack_bytes = 32768;
    armament.owner_offset = 24;
    armament.device_lock_offset = 80;
    armament.devices = {{0xffff888001000000, 0}, {0xffff888001000800, 1}};
    armament.layout = MemoryLayout{8, 1600, {{2, "Normal"}}, 2, {{"present_pages", 32}}, {{"node_start_pfn", 16}}};
    armament.failure = "it crashed";
    armament.reports[Watcher::mutexes] = {State::armed, "4 takes and releases"};
    armament.reports[Watcher::notices] = {State::unarmed, "none came"};
    const auto read = read_armament(armament_json(armament).dump());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->stack_bytes, 32768u);
    EXPECT_EQ(read->owner_offset, 24u);
    EXPECT_EQ(read->device_lock_offset, 80u);
    EXPECT_EQ(read->devices, armament.devices);
    EXPECT_EQ(read->layout, armament.layout);
    EXPECT_EQ(read->failure, "it crashed");
    EXPECT_EQ(read->of(Watcher::mutexes).state, State::armed);
    EXPECT_EQ(read->of(Watcher::notices).why, "none came");
    EXPECT_EQ(read->of(Watcher::rwsems).state, State::not_exercised);
}

TEST(Armament, ADamagedFileIsAnError) {
    for (const char* text : {"", "[]", "{}", R"({"stack_bytes": "x", "watchers": {}})",
                             R"({"stack_bytes": 1, "watchers": {"ghosts": {"state": "armed", "why": ""}}})",
                             R"({"stack_bytes": 1, "watchers": {"stacks": {"state": "fine", "why": ""}}})"})
        EXPECT_FALSE(read_armament(text)) << text;
}

TEST(Armament, ARuleRestsOnItsWatchersAlone) {
    Armament armament;
    armament.reports[Watcher::mutexes] = {State::unarmed, "no owner"};
    for (const char* rule : {"R1", "R2", "R3", "R6", "R7"}) EXPECT_EQ(why_unarmed(armament, rule), "mutexes: no owner");
    for (const char* rule : {"R4", "R5", "R8", "N1", "N4"}) EXPECT_EQ(why_unarmed(armament, rule), "") << rule;
    armament.reports[Watcher::stacks] = {State::unarmed, "two sizes"};
    for (const char* rule : {"R4", "R5", "R8", "N1", "N4"})
        EXPECT_EQ(why_unarmed(armament, rule), "stacks: two sizes") << rule;
}

TEST(Armament, AWatcherThatWasNotExercisedIsNotUnarmed) {
    const Armament armament;
    for (const Watcher watcher : all_watchers()) EXPECT_FALSE(armament.is_unarmed(watcher)) << to_string(watcher);
    EXPECT_EQ(why_unarmed(armament, "R1"), "");
}

}  // namespace
}  // namespace memrig
