// Casting: the vCPU that each thread of a schedule runs on.
#include <gtest/gtest.h>

#include "play/casting.h"
#include "unit/support/actors.h"

namespace memrig {
namespace {

using samples::actor;
using samples::in_order;

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

}  // namespace
}  // namespace memrig
