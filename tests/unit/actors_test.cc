// Actors: what they write and expect, which vCPU each thread is on, and what they leave the blocks in.
#include <gtest/gtest.h>

#include <cerrno>

#include "play/casting.h"
#include "schedule/goals.h"

namespace memrig {
namespace {

constexpr std::uint64_t kBlockBytes = 128ull << 20;

Actor actor(const std::string& name, ActorKind kind, const std::string& value = "") {
    Actor made;
    made.name = name;
    made.kind = kind;
    made.value = value;
    return made;
}

// Each actor begins; where its name is followed by '.', it also finishes before the next one does.
Schedule in_order(std::vector<Actor> actors, const std::vector<std::string>& steps) {
    Schedule schedule;
    schedule.actors = std::move(actors);
    for (std::string step : steps) {
        const bool finishes = step.ends_with('.');
        if (finishes) step.pop_back();
        schedule.steps.push_back({StepKind::start, step, {}, false, {}});
        if (finishes) schedule.steps.push_back({StepKind::finish, step, {}, false, {}});
    }
    schedule.steps.push_back({});
    return schedule;
}

TEST(Actor, WhatIsWrittenFollowsFromTheKindAndTheAttribute) {
    EXPECT_EQ(actor("a", ActorKind::onliner).value_for("state"), "online");
    EXPECT_EQ(actor("a", ActorKind::onliner).value_for("online"), "1");
    EXPECT_EQ(actor("a", ActorKind::offliner).value_for("state"), "offline");
    EXPECT_EQ(actor("a", ActorKind::offliner).value_for("online"), "0");
    EXPECT_EQ(actor("a", ActorKind::onliner, "online_movable").value_for("state"), "online_movable");
}

TEST(Actor, WhoWritesToOneFileIsAThread) {
    for (const auto kind : {ActorKind::vcpu_onliner, ActorKind::file_writer}) {
        EXPECT_TRUE(actor("a", kind).is_thread());
        EXPECT_TRUE(actor("a", kind).writes_to_one_file());
    }
    EXPECT_EQ(actor("a", ActorKind::vcpu_onliner).value_for("online"), "1");
    EXPECT_FALSE(actor("a", ActorKind::vcpu_plugger).is_thread());
    EXPECT_FALSE(actor("a", ActorKind::onliner).writes_to_one_file());
    Actor adder = actor("a", ActorKind::adder);
    EXPECT_FALSE(adder.is_thread());
    adder.device = MemoryDevice::dax;
    EXPECT_TRUE(adder.is_thread());
    EXPECT_TRUE(adder.writes_to_one_file());
    Actor remover = actor("a", ActorKind::remover);
    EXPECT_FALSE(remover.is_thread());
    remover.device = MemoryDevice::memtrace;
    EXPECT_TRUE(remover.is_thread());
    EXPECT_TRUE(remover.writes_to_one_file());
}

TEST(Actor, ErrnosHaveNames) {
    EXPECT_EQ(errno_name(EBUSY), "EBUSY");
    EXPECT_EQ(errno_name(0), "done");
    EXPECT_EQ(errno_name(4000), "errno 4000");
    EXPECT_EQ(parse_errno("EINVAL"), EINVAL);
    EXPECT_EQ(parse_errno("done"), 0);
    EXPECT_FALSE(parse_errno("EFOO"));
    EXPECT_EQ(errno_names({EBUSY, EAGAIN}), "EBUSY or EAGAIN");
}

TEST(Casting, OneThreadIsOnTheLastVcpu) {
    const auto schedule = in_order({actor("p", ActorKind::adder), actor("t", ActorKind::onliner)}, {"p", "t"});
    const auto casting = cast_threads(schedule, 3, 1, false);
    ASSERT_TRUE(casting);
    EXPECT_EQ(casting->vcpus, (std::map<std::string, unsigned>{{"t", 2}}));
    EXPECT_EQ(casting->left, 1u);
}

TEST(Casting, ThreadsThatActAtOnceNeedAVcpuEach) {
    const auto schedule =
        in_order({actor("p", ActorKind::adder), actor("s", ActorKind::onliner), actor("t", ActorKind::onliner)},
                 {"p", "s", "t"});
    const auto casting = cast_threads(schedule, 3, 1, false);
    ASSERT_FALSE(casting);
    EXPECT_EQ(casting.error().fault, Fault::user_input);
    EXPECT_EQ(casting.error().message, "the bench has no vCPU left for actor t");
    EXPECT_TRUE(cast_threads(schedule, 4, 1, false));
}

TEST(Casting, AfterThePluggerItsVcpuIsFree) {
    const auto schedule =
        in_order({actor("p", ActorKind::adder), actor("s", ActorKind::onliner), actor("t", ActorKind::onliner)},
                 {"p.", "s", "t"});
    const auto casting = cast_threads(schedule, 3, 1, false);
    ASSERT_TRUE(casting);
    EXPECT_EQ(casting->vcpus, (std::map<std::string, unsigned>{{"s", 2}, {"t", 1}}));
    EXPECT_FALSE(cast_threads(schedule, 3, 1, true)) << "at once";
}

TEST(Casting, OneAfterTheOtherMayShareAVcpu) {
    const auto schedule =
        in_order({actor("p", ActorKind::adder), actor("s", ActorKind::onliner), actor("t", ActorKind::offliner)},
                 {"p", "s.", "t"});
    const auto casting = cast_threads(schedule, 3, 1, false);
    ASSERT_TRUE(casting);
    EXPECT_EQ(casting->vcpus, (std::map<std::string, unsigned>{{"s", 2}, {"t", 2}}));
}

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

TEST(Refusals, AreReadAndRecognised) {
    const auto refusal = parse_refusal("GenericError: no free slots");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->shown(), "GenericError: no free slots");
    EXPECT_TRUE(refusal->is("GenericError: no free slots available"));
    EXPECT_TRUE(refusal->is("GenericError: there are no free slots"));
    EXPECT_FALSE(refusal->is("GenericError: not enough space"));
    EXPECT_FALSE(refusal->is("DeviceNotFound: no free slots"));
    EXPECT_FALSE(refusal->is("done"));
    EXPECT_TRUE(parse_refusal("console: unaligned hotplug range")->by_kernel());
    EXPECT_TRUE(parse_refusal("event: DEVICE_UNPLUG_GUEST_ERROR")->by_kernel());
    EXPECT_TRUE(parse_refusal("event: DEVICE_UNPLUG_GUEST_ERROR")->is(unplug_error_answer()));
    for (const char* none :
         {"", "done", "no free slots", "GenericError", "GenericError: ", "Error: x", "event: STOP", "event: "})
        EXPECT_FALSE(parse_refusal(none)) << none;
}

TEST(Refusals, WhoExpectsNoneExpectsItDone) {
    Actor plug = actor("p", ActorKind::adder);
    EXPECT_TRUE(plug.expects_answer("done"));
    EXPECT_FALSE(plug.expects_answer("GenericError: no free slots"));
    plug.refusals = {{"GenericError", "one"}, {"GenericError", "two"}};
    EXPECT_FALSE(plug.expects_answer("done"));
    EXPECT_TRUE(plug.expects_answer("GenericError: number two"));
    EXPECT_EQ(plug.expected_answer(), "GenericError: one or GenericError: two");
}

}  // namespace
}  // namespace memrig
