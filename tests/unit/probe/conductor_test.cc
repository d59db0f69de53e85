// The conductor over a FakeProbe: who arrives, who is held, who leaves, and how they go on.
#include "conductor_fixture.h"

namespace memrig {
namespace {

TEST_F(ConductorTest, AnArrivalSaysWhoAndWhere) {
    watch(kFunction);
    will_call(2);
    run_to(1);
    EXPECT_EQ(arrivals[0].vcpu, 2u);
    EXPECT_EQ(arrivals[0].address, kFunction);
    EXPECT_EQ(arrivals[0].registers.sp(), kStack);
    EXPECT_EQ(arrivals[0].task, 0xffffc90000004000u);  // the stack's base: 16 KiB each
    EXPECT_FALSE(probe.running());
    EXPECT_EQ(conductor.stops(), 1u);
}

TEST_F(ConductorTest, ATaskKeepsItsNameOnAnotherVcpu) {
    watch(kFunction);
    will_call(1, kStack);
    will_call(2, kStack - 0x200);
    will_call(1, kOtherStack);
    run();
    ASSERT_EQ(arrivals.size(), 3u);
    EXPECT_EQ(arrivals[0].task, arrivals[1].task);
    EXPECT_NE(arrivals[0].task, arrivals[2].task);
}

TEST_F(ConductorTest, StopsElsewhereAreNobodysArrival) {
    watch(kFunction);
    probe.will_stop(1, kElsewhere);
    run();
    EXPECT_TRUE(arrivals.empty());
    EXPECT_EQ(conductor.stops(), 0u);
}

TEST_F(ConductorTest, ALookIsAStopThatIsNobodysArrival) {
    std::vector<std::uint64_t> looked_at;
    const auto listening = conductor.on_stop([&](const Arrival& stop) {
        looked_at.push_back(stop.address);
        return Status();
    });
    watch(kFunction);
    ASSERT_TRUE(conductor.resume());
    ASSERT_TRUE(conductor.look());
    EXPECT_FALSE(probe.running());
    EXPECT_EQ(looked_at, std::vector<std::uint64_t>{0});
    EXPECT_TRUE(arrivals.empty());
    EXPECT_EQ(conductor.stops(), 0u);
}

TEST_F(ConductorTest, AGlanceMayStopTheGuest) {
    unsigned glances = 0, looks = 0;
    bool stop = false;
    const auto listening = conductor.on_stop([&](const Arrival&) {
        looks++;
        return Status();
    });
    auto glancing = conductor.glance([&] {
        EXPECT_TRUE(probe.running());
        glances++;
        return std::exchange(stop, false);
    });
    run();
    EXPECT_EQ(glances, 1u);
    EXPECT_EQ(looks, 0u);
    stop = true;
    run();
    EXPECT_EQ(glances, 3u) << "it runs on after the stop";
    EXPECT_EQ(looks, 1u);
    glancing.end();
    run();
    EXPECT_EQ(glances, 3u);
}

// --- passing a breakpoint

TEST_F(ConductorTest, ANopIsPassedByMovingThePc) {
    ASSERT_TRUE(probe.write_memory(0, kFunction, {"\x0f\x1f\x44\x00\x00", 5}));
    watch(kFunction);
    will_call(1);
    run();
    EXPECT_EQ(arrivals.size(), 1u);
    EXPECT_TRUE(probe.stepped.empty());
    EXPECT_EQ(reg(1, "rip"), kFunction + 5);
}

TEST_F(ConductorTest, AnythingElseIsPassedByAStep) {
    ASSERT_TRUE(probe.write_memory(0, kFunction, "\x55"));  // push %rbp
    watch(kFunction);
    will_call(1);
    run();
    EXPECT_EQ(arrivals.size(), 1u) << "it stands on its breakpoint and hits it again";
    EXPECT_EQ(probe.stepped, std::vector<unsigned>{1});
}

TEST_F(ConductorTest, AStepThatWentNowhereIsMadeAgain) {
    ASSERT_TRUE(probe.write_memory(0, kFunction, "\x55"));
    watch(kFunction);
    probe.idle_steps = 2;
    will_call(1);
    run();
    EXPECT_EQ(arrivals.size(), 1u);
    EXPECT_EQ(probe.stepped, (std::vector<unsigned>{1, 1, 1}));
}

TEST_F(ConductorTest, AVcpuThatCannotBeSteppedIsAFaultOfTheRig) {
    ASSERT_TRUE(probe.write_memory(0, kFunction, "\x55"));
    watch(kFunction);
    probe.idle_steps = 1u << 20;
    will_call(1);
    const auto end = conductor.run_until([] { return false; }, Deadline(SteadyTime::min()));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().fault, Fault::rig);
}

TEST_F(ConductorTest, ABreakpointThatIsGoneNeedsNoPassing) {
    const auto id = watch(kFunction);
    will_call(1);
    run_to(1);
    ASSERT_TRUE(conductor.unwatch(id));
    run();
    EXPECT_TRUE(probe.stepped.empty());
    EXPECT_EQ(reg(1, "rip"), kFunction);
}

// --- holding and releasing

TEST_F(ConductorTest, AHeldVcpuIsNotResumed) {
    watch(kFunction, Response::hold());
    will_call(1);
    run_to(1);
    run();
    EXPECT_EQ(conductor.held(), Vcpus{1});
    EXPECT_EQ(probe.resumed.back(), (Vcpus{0, 2}));
    EXPECT_EQ(reg(1, "rip"), kFunction) << "it was moved though it is held";
    EXPECT_TRUE(probe.stepped.empty());
}

TEST_F(ConductorTest, AReleasedVcpuPassesItsBreakpointAndGoesOn) {
    watch(kFunction, Response::hold());
    will_call(1);
    run_to(1);
    EXPECT_TRUE(conductor.release(1));
    EXPECT_FALSE(conductor.release(1)) << "it was held no more";
    run();
    EXPECT_EQ(probe.stepped, std::vector<unsigned>{1});
    EXPECT_EQ(probe.resumed.back(), (Vcpus{0, 1, 2}));
    EXPECT_EQ(arrivals.size(), 1u);
}

TEST_F(ConductorTest, AReleasedVcpuPassesANop) {
    ASSERT_TRUE(probe.write_memory(0, kFunction, "\x66\x90"));
    watch(kFunction, Response::hold());
    will_call(1);
    run_to(1);
    conductor.release_all();
    run();
    EXPECT_TRUE(probe.stepped.empty());
    EXPECT_EQ(reg(1, "rip"), kFunction + 2);
}

TEST_F(ConductorTest, OthersRunOnWhileOneIsHeld) {
    watch(kFunction, Response::hold());
    watch(kElsewhere);
    will_call(1);
    will_call(2, kOtherStack, kElsewhere);
    run_to(2);
    EXPECT_EQ(arrivals[1].vcpu, 2u);
    EXPECT_EQ(conductor.held(), Vcpus{1});
}

TEST_F(ConductorTest, AVcpuCanBeHeldWhereItIs) {
    conductor.hold(2);
    run();
    EXPECT_EQ(probe.resumed.back(), (Vcpus{0, 1}));
}

// --- leaving a function

TEST_F(ConductorTest, LeavingPopsTheReturnAddress) {
    watch(kFunction, Response::leave(7));
    will_call(1);
    run_to(1);
    EXPECT_EQ(reg(1, "rip"), kCaller);
    EXPECT_EQ(reg(1, "rsp"), kStack + 8);
    EXPECT_EQ(reg(1, "rax"), 7u);
    run();
    EXPECT_TRUE(probe.stepped.empty()) << "it does not stand on the breakpoint any more";
    EXPECT_EQ(arrivals.size(), 1u);
}

TEST_F(ConductorTest, LeavingWithoutAValueKeepsTheRegister) {
    watch(kFunction, Response::leave());
    probe.poke_u64(kStack, kCaller);
    probe.will_stop(1, kFunction, {{"rsp", kStack}, {"rax", 99}});
    run_to(1);
    EXPECT_EQ(reg(1, "rax"), 99u);
    EXPECT_EQ(reg(1, "rip"), kCaller);
}

TEST_F(ConductorTest, LeavingToAWatchedAddressIsAnArrivalThere) {
    watch(kFunction, Response::leave(0));
    watch(kCaller);
    will_call(1);
    run_to(2);
    EXPECT_EQ(arrivals[1].address, kCaller);
    EXPECT_EQ(probe.resumed.size(), 1u) << "it did not have to run to get there";
    run();
    EXPECT_EQ(arrivals.size(), 2u);
    EXPECT_EQ(probe.stepped, std::vector<unsigned>{1});
}

TEST(ConductorPpc, LeavingUsesTheLinkRegister) {
    FakeProbe probe(*find_architecture("ppc64le"), 2);
    Conductor conductor(probe, probe.architecture().kernel_stack_bytes);
    constexpr std::uint64_t function = 0xc000000000100000, back = 0xc000000000200000, sp = 0xc000000003fffc00;
    ASSERT_TRUE(conductor.watch(function, [](const Arrival&) -> Result<Response> { return Response::leave(5); }));
    probe.will_stop(1, function, {{"r1", sp}, {"lr", back}, {"r3", 0x1234}});
    ASSERT_TRUE(conductor.run_until([] { return false; }, at_once()));
    ASSERT_TRUE(conductor.pause());
    const auto registers = probe.registers(1);
    EXPECT_EQ(registers->pc(), back);
    EXPECT_EQ(registers->sp(), sp);
    EXPECT_EQ(registers->return_value(), 5u);
}

TEST(ConductorPpc, AReturnIsKnownByTheLinkRegisterAndTheSameStackPointer) {
    FakeProbe probe(*find_architecture("ppc64le"), 2);
    Conductor conductor(probe, probe.architecture().kernel_stack_bytes);
    constexpr std::uint64_t function = 0xc000000000100000, back = 0xc000000000200000, sp = 0xc000000003fffc00;
    std::vector<std::uint64_t> values;
    ASSERT_TRUE(conductor.watch(function, [&](const Arrival& arrival) -> Result<Response> {
        MEMRIG_CHECK(conductor.on_return(arrival, [&](const Arrival&, std::uint64_t value) -> Status {
            values.push_back(value);
            return {};
        }));
        return Response::pass();
    }));
    probe.will_stop(1, function, {{"r1", sp}, {"lr", back}});
    probe.will_stop(1, back, {{"r1", sp}, {"r3", 1}});
    ASSERT_TRUE(conductor.run_until([] { return false; }, at_once()));
    EXPECT_EQ(values, std::vector<std::uint64_t>{1});
}
}  // namespace
}  // namespace memrig
