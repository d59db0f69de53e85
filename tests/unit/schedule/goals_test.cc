// The state that the actors of a schedule leave the memory blocks and QEMU in.
#include <gtest/gtest.h>

#include "schedule/goals.h"
#include "unit/support/actors.h"

namespace memrig {
namespace {

using samples::actor;
using samples::in_order;

constexpr std::uint64_t kBlockBytes = 128ull << 20;

class GoalsTest : public ::testing::Test {
protected:
    // "32 online Movable, 33 absent"
    std::string text(const Schedule& schedule) const {
        std::string all;
        for (const auto& goal : goals_of(schedule, plugged, kBlockBytes).goals) {
            const char* fate = goal.fate == BlockFate::online    ? "online"
                               : goal.fate == BlockFate::offline ? "offline"
                                                                 : "absent";
            all += (all.empty() ? "" : ", ") + std::to_string(goal.id) + " " + fate +
                   (goal.zone.empty() ? "" : " " + goal.zone) +
                   (goal.node == 0 ? "" : " on node " + std::to_string(goal.node));
        }
        return all;
    }
    PluggedBlocks plugged = {{"p", {32, 33}}};
    Actor plug = actor("p", ActorKind::adder);
    Actor on = actor("on", ActorKind::onliner, "online_movable");
    Actor off = actor("off", ActorKind::offliner);
};

TEST_F(GoalsTest, PluggedIsOffline) { EXPECT_EQ(text(in_order({plug}, {"p"})), "32 offline, 33 offline"); }

TEST_F(GoalsTest, OnlinedIsInTheZoneAskedFor) {
    EXPECT_EQ(text(in_order({plug, on}, {"p", "on"})), "32 online Movable, 33 online Movable");
}

TEST_F(GoalsTest, TheLastToBeginDecides) {
    EXPECT_EQ(text(in_order({plug, on, off}, {"p", "on.", "off."})), "32 offline, 33 offline");
    EXPECT_EQ(text(in_order({plug, on, off}, {"p", "off.", "on."})), "32 online Movable, 33 online Movable");
}

TEST_F(GoalsTest, WhatIsRefusedChangesNothing) {
    off.expected = {EBUSY, EAGAIN};
    EXPECT_EQ(text(in_order({plug, on, off}, {"p", "on.", "off"})), "32 online Movable, 33 online Movable");
}

TEST_F(GoalsTest, AProbersMemoryIsThereOnceItHasProbed) {
    const Actor probe = actor("probe", ActorKind::prober);
    EXPECT_EQ(text(in_order({plug, probe}, {"p"})), "32 absent, 33 absent");
    EXPECT_EQ(text(in_order({plug, probe}, {"p", "probe"})), "32 offline, 33 offline");
}

TEST_F(GoalsTest, WhatIsTakenAwayIsGone) {
    EXPECT_EQ(text(in_order({plug, on, actor("u", ActorKind::remover)}, {"p", "on.", "u"})), "32 absent, 33 absent");
    Actor resize = actor("r", ActorKind::resizer);
    EXPECT_EQ(text(in_order({plug, on, resize}, {"p", "on.", "r"})), "32 absent, 33 absent");
    resize.bytes = kBlockBytes;
    EXPECT_EQ(text(in_order({plug, on, resize}, {"p", "on.", "r"})), "32 online Movable, 33 absent");
}

TEST_F(GoalsTest, WhatMemtraceTakesIsGoneAndQemuKnowsNothingOfIt) {
    plug.device = MemoryDevice::memtrace;
    plug.onlined_by_kernel = true;
    Actor remover = actor("u", ActorKind::remover);
    remover.device = MemoryDevice::memtrace;
    EXPECT_EQ(text(in_order({plug}, {"p"})), "32 online, 33 online");
    const Schedule schedule = in_order({plug, remover}, {"p.", "u"});
    EXPECT_EQ(text(schedule), "32 absent, 33 absent");
    EXPECT_TRUE(goals_of(in_order({plug}, {"p"}), plugged, kBlockBytes).qemu.devices.empty());
    remover.expected = {EBUSY};
    EXPECT_EQ(text(in_order({plug, remover}, {"p.", "u"})), "32 online, 33 online");
}

TEST_F(GoalsTest, EachDeviceIsOnItsNodeAndItsThreadsAreItsOwn) {
    Actor far = actor("q", ActorKind::adder);
    far.node = 1;
    far.device_id = "dimm1";
    plugged = {{"p", {32, 32}}, {"q", {33, 33}}};
    EXPECT_EQ(text(in_order({plug, far, on}, {"p.", "q.", "on"})), "32 online Movable, 33 online Movable on node 1");
    on.of = "q";
    EXPECT_EQ(text(in_order({plug, far, on}, {"p.", "q.", "on"})), "32 offline, 33 online Movable on node 1");
    Actor remover = actor("u", ActorKind::remover);
    remover.device_id = "dimm1";
    const Schedule schedule = in_order({plug, far, on, remover}, {"p.", "q.", "on.", "u"});
    EXPECT_EQ(text(schedule), "32 offline, 33 absent on node 1");
    const QemuMemory left = goals_of(schedule, plugged, kBlockBytes).qemu;
    EXPECT_EQ(left.devices, std::set<std::string>{"dimm0"});
    EXPECT_EQ(left.backends, std::set<std::string>{"mem-p"});
}

TEST_F(GoalsTest, WhatTheKernelOnlinesItself) {
    plug.onlined_by_kernel = true;
    plug.zone = "Movable";
    EXPECT_EQ(text(in_order({plug}, {"p"})), "32 online Movable, 33 online Movable");
    on.value = "online_kernel";
    EXPECT_EQ(text(in_order({plug, on}, {"p", "on"})), "32 online Movable, 33 online Movable")
        << "there is nothing to do";
}

TEST_F(GoalsTest, WhatIsRefusedIsNeitherTheGuestsNorQemus) {
    plug.refusals = {{"GenericError", "no free slots"}};
    const Schedule schedule = in_order({plug}, {"p"});
    EXPECT_EQ(text(schedule), "");
    EXPECT_TRUE(goals_of(schedule, plugged, kBlockBytes).qemu.devices.empty());
}

TEST_F(GoalsTest, WhatTheKernelRefusesIsQemusUntilItIsTakenAway) {
    plug.refusals = {{"console", "unaligned"}};
    EXPECT_EQ(text(in_order({plug}, {"p"})), "");
    EXPECT_EQ(goals_of(in_order({plug}, {"p"}), {}, kBlockBytes).qemu.devices, std::set<std::string>{"dimm0"});
    const Schedule taken = in_order({plug, actor("u", ActorKind::remover)}, {"p.", "u"});
    EXPECT_TRUE(goals_of(taken, {}, kBlockBytes).qemu.devices.empty());
    EXPECT_TRUE(goals_of(taken, {}, kBlockBytes).qemu.backends.empty());
}

// --- a race: any order will do, block by block

class RaceGoalsTest : public GoalsTest {
protected:
    // The fates that are expected after a race of these, if the blocks were seen like this after it.
    std::string raced(std::vector<Actor> racers, const std::vector<MemoryBlock>& seen,
                      const RefusedBlocks& refused = {}, bool online_before = false) {
        Schedule schedule = online_before ? in_order({plug, before}, {"p", "before."}) : in_order({plug}, {"p"});
        Step step;
        step.kind = StepKind::race;
        step.race = Race();
        for (auto& racer : racers) {
            racer.races = true;
            step.race->actors.push_back(racer.name);
            schedule.actors.push_back(racer);
        }
        schedule.steps.push_back(step);
        std::string all;
        for (const auto& goal : goals_of(schedule, plugged, kBlockBytes, refused, &seen).goals)
            all += fate_text(goal.fate) + (goal.zone.empty() ? " " : " " + goal.zone + " ");
        return all;
    }
    static std::string fate_text(BlockFate fate) {
        return fate == BlockFate::online ? "online" : fate == BlockFate::offline ? "offline" : "absent";
    }
    static std::vector<MemoryBlock> seen(const char* first, const char* second, const char* zone = "Normal") {
        return {{32, first, zone, 0, false}, {33, second, zone, 0, false}};
    }
    Actor before = actor("before", ActorKind::onliner);
    Actor take = actor("take", ActorKind::remover);
};

TEST_F(RaceGoalsTest, EachBlockMayHaveAnOrderOfItsOwn) {
    EXPECT_EQ(raced({on, off}, seen("online", "offline", "Movable")), "online Movable offline ");
    EXPECT_EQ(raced({on, off}, seen("offline", "online", "Movable")), "offline online Movable ");
}

TEST_F(RaceGoalsTest, ARefusedActorIsNotTheLast) {
    const RefusedBlocks refused = {{"off", {32, 33}}};
    EXPECT_EQ(raced({on, off}, seen("online", "offline", "Movable"), refused), "online Movable online Movable ");
}

TEST_F(RaceGoalsTest, TheZoneIsThatOfAnOnliner) {
    EXPECT_EQ(raced({on, off}, seen("online", "online", "Normal")), "online Movable online Movable ");
    EXPECT_EQ(raced({on, before}, seen("online", "online", "Normal")), "online online ") << "one of them names no zone";
}

TEST_F(RaceGoalsTest, ARemovalTakesAllOrPutsAllBack) {
    take.device_id = plug.device_id;
    EXPECT_EQ(raced({take, off}, {}, {}, true), "absent absent ");
    const RefusedBlocks refused = {{"take", {32, 33}}};
    EXPECT_EQ(raced({take, off}, seen("online", "offline"), refused, true), "online offline ");
    const RefusedBlocks both = {{"take", {32, 33}}, {"off", {32, 33}}};
    EXPECT_EQ(raced({take, off}, seen("offline", "online"), both, true), "online online ") << "nobody took it offline";
}

TEST_F(RaceGoalsTest, ADeviceMayComeWhereAnotherOneWent) {
    take.device_id = plug.device_id;
    Actor second = actor("second", ActorKind::adder);
    second.device_id = "dimm1";
    plugged["second"] = {32, 33};
    EXPECT_EQ(raced({take, second}, seen("offline", "offline")), "offline offline ");
    EXPECT_EQ(raced({take, second, on}, seen("offline", "online", "Movable")), "offline online Movable ");
}

TEST_F(RaceGoalsTest, OfManyWritesOnlyTheLastIsKnown) {
    on.repeat = 50;
    const RefusedBlocks refused = {{"on", {32, 33}}};
    EXPECT_EQ(raced({on, take}, seen("online", "online", "Movable"), {{"on", {32, 33}}, {"take", {32, 33}}}),
              "online Movable online Movable ");
}

}  // namespace
}  // namespace memrig
