// Parking: who is parked instead of held, for how long, and how a parked task looks.
#include "play/park.h"
#include "unit/probe/conductor_fixture.h"

namespace memrig {
namespace {

constexpr std::uint64_t kSleep = 0xffffffff81000400;

class ParkTest : public ConductorTest {
protected:
    SymbolTable with{{{kSleep, 'T', "msleep"}}};
    SymbolTable without{{{kFunction, 'T', "device_online"}}};
};

TEST_F(ParkTest, ATaskSleepsInMsleepAsLongAsTheReasonAsks) {
    probe.poke_u64(kSleep, 0);
    Parking parking(conductor, with);
    EXPECT_TRUE(parking.possible());
    EXPECT_TRUE(parking.check());
    const std::pair<ParkReason, std::uint64_t> times[] = {
        {ParkReason::move, 1}, {ParkReason::turn, 2}, {ParkReason::keep, 100}};
    for (const auto& [reason, milliseconds] : times) {
        const auto response = parking.park(reason);
        ASSERT_TRUE(response);
        EXPECT_EQ(response->kind, Response::Kind::call);
        EXPECT_EQ(response->function, kSleep);
        EXPECT_EQ(response->argument, milliseconds);
    }
}

TEST_F(ParkTest, AKernelWithoutMsleepParksNobody) {
    Parking parking(conductor, without);
    EXPECT_FALSE(parking.possible());
    ASSERT_FALSE(parking.check());
    ASSERT_FALSE(parking.park(ParkReason::keep));
    for (const Error& error : {parking.check().error(), parking.park(ParkReason::keep).error()}) {
        EXPECT_EQ(error.fault, Fault::guest);
        EXPECT_EQ(error.message, "this kernel has no symbol msleep");
    }
}

TEST_F(ParkTest, AnActorIsHeldWhereItsVcpuMayStandStill) {
    const Parking parking(conductor, with);
    EXPECT_EQ(parking.way_to_keep(false, true, 0), Keep::hold);
    EXPECT_EQ(parking.way_to_keep(true, true, 0), Keep::park) << "the step asks for it";
    EXPECT_EQ(Parking(conductor, without).way_to_keep(false, true, 0), Keep::hold);
}

TEST_F(ParkTest, AnActorOnAWrongVcpuIsMovedAndInTheEndParked) {
    const Parking parking(conductor, with);
    EXPECT_EQ(parking.way_to_keep(false, false, 0), Keep::move);
    EXPECT_EQ(parking.way_to_keep(false, false, 19), Keep::move);
    EXPECT_EQ(parking.way_to_keep(false, false, 20), Keep::park);
    EXPECT_EQ(Parking(conductor, without).way_to_keep(false, false, 0), Keep::pass);
}

TEST(SleepsByTheClock, IsSeenOnTheStack) {
    EXPECT_TRUE(sleeps_by_the_clock({7, "onliner", 'D', {"msleep+0x2d/0x40", "online_store+0x43/0x90"}}));
    EXPECT_FALSE(sleeps_by_the_clock({7, "onliner", 'D', {"msleep_interruptible+0x2d/0x40"}}));
    EXPECT_FALSE(sleeps_by_the_clock({7, "onliner", 'D', {}}));
}

}  // namespace
}  // namespace memrig
