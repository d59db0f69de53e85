// The conductor over a FakeProbe that behaves as under KVM: a single step does not pass an inserted breakpoint.
#include "conductor_fixture.h"
#include "kvm_stub.h"
#include "probe/gdb_probe.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

class SteppingConductorTest : public ConductorTest {
protected:
    void SetUp() override {
        probe.steps_over = false;
        ASSERT_TRUE(probe.write_memory(0, kFunction, "\x55"));  // push %rbp
    }
};

TEST_F(SteppingConductorTest, ABreakpointIsTakenOutForTheStep) {
    watch(kFunction);
    will_call(1);
    will_call(2, kOtherStack);
    will_call(1);
    run();
    EXPECT_EQ(arrivals.size(), 3u);
    EXPECT_EQ(probe.stepped, (std::vector<unsigned>{1, 2, 1}));
}

// Or another vCPU would run past it.
TEST_F(SteppingConductorTest, ABreakpointIsThereAgainBeforeAVcpuRuns) {
    watch(kFunction);
    will_call(1);
    will_call(2, kOtherStack);
    run();
    EXPECT_EQ(arrivals.size(), 2u);
    ASSERT_FALSE(probe.inserted_at_resume.empty());
    for (const auto& inserted : probe.inserted_at_resume) EXPECT_TRUE(inserted.contains(kFunction));
}

TEST_F(SteppingConductorTest, AHeldVcpuStandsStillWhileAnotherOneStepsOffTheSameBreakpoint) {
    bool holds = true;
    ASSERT_TRUE(conductor.watch(kFunction, [&](const Arrival& arrival) -> Result<Response> {
        arrivals.push_back(arrival);
        return std::exchange(holds, false) ? Response::hold() : Response::pass();
    }));
    will_call(1);
    will_call(2, kOtherStack);
    run();
    EXPECT_EQ(conductor.held(), Vcpus{1});
    EXPECT_EQ(probe.stepped, std::vector<unsigned>{2});
    EXPECT_EQ(reg(1, "rip"), kFunction);
    EXPECT_TRUE(conductor.release(1));
    run();
    EXPECT_EQ(arrivals.size(), 2u);
    EXPECT_EQ(probe.stepped, (std::vector<unsigned>{2, 1}));
    EXPECT_EQ(reg(1, "rip"), kFunction + probe.step_bytes);
}

TEST_F(SteppingConductorTest, ABreakpointIsThereAgainAfterAStepThatFailed) {
    watch(kFunction);
    probe.idle_steps = 1u << 20;
    will_call(1);
    const auto end = conductor.run_until([] { return false; }, at_once());
    ASSERT_FALSE(end);
    EXPECT_NE(end.error().message.find("does not come off the breakpoint"), std::string::npos);
    EXPECT_TRUE(probe.breakpoints.contains(kFunction));
}

// QEMU shows the breakpoint, which lies in the guest's memory.
TEST(ProbeUnderKvm, MemoryIsReadAsItWasBeforeTheBreakpoints) {
    KvmStub stub;
    const auto made = make_gdb_probe(stub.start(), Deadline::after(60s), {.steps_over_breakpoints = false});
    ASSERT_TRUE(made) << made.error().message;
    Probe& probe = **made;
    const auto read = [&](std::uint64_t at, std::size_t size) { return to_hex(*probe.read_memory(0, at, size)); };
    const std::string code = read(KvmStub::kFunction, 8);
    for (const std::uint64_t at : {KvmStub::kPush, KvmStub::kPush + 1, KvmStub::kPush})
        ASSERT_TRUE(probe.insert_breakpoint(at, BreakpointKind::software));
    EXPECT_EQ(read(KvmStub::kFunction, 8), code);
    EXPECT_EQ(read(KvmStub::kPush + 1, 2), code.substr(12));
    EXPECT_EQ(read(KvmStub::kFunction, 5), code.substr(0, 10));
    ASSERT_TRUE(probe.remove_breakpoint(KvmStub::kPush, BreakpointKind::software));
    ASSERT_TRUE(probe.write_memory(0, KvmStub::kPush, "\x90"));
    EXPECT_EQ(read(KvmStub::kPush, 1), "90") << "what lies there now";
}

// The same over the protocol, with a guest that runs.
TEST(ConductorUnderKvm, RoundsAreCountedAndAHoldHolds) {
    KvmStub stub;
    const auto probe = make_gdb_probe(stub.start(), Deadline::after(60s), {.steps_over_breakpoints = false});
    ASSERT_TRUE(probe) << probe.error().message;
    Conductor conductor(**probe, 16384);
    std::map<unsigned, unsigned> entries, returns;
    ASSERT_TRUE(conductor.watch(KvmStub::kPush, [&](const Arrival& arrival) -> Result<Response> {
        return ++entries[arrival.vcpu] == 3 && arrival.vcpu == 1 ? Response::hold() : Response::pass();
    }));
    ASSERT_TRUE(conductor.watch(KvmStub::kBack, [&](const Arrival& arrival) -> Result<Response> {
        EXPECT_EQ(++returns[arrival.vcpu], entries[arrival.vcpu]);
        return Response::pass();
    }));
    const auto end = conductor.run_until([&] { return returns[2] == 20; }, Deadline::after(60s));
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_EQ(*end, RunEnd::done);
    EXPECT_EQ(entries[1], 3u);
    EXPECT_EQ(returns[1], 2u);
    EXPECT_TRUE(conductor.release(1));
    EXPECT_EQ(*conductor.run_until([&] { return returns[1] == 4; }, Deadline::after(60s)), RunEnd::done);
}

}  // namespace
}  // namespace memrig
