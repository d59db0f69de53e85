// Actors: what they write, and what they expect.
#include <gtest/gtest.h>

#include <cerrno>

#include "schedule/actor.h"
#include "unit/support/actors.h"

namespace memrig {
namespace {

using samples::actor;

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
