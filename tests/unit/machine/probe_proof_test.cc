// The proof of the probe, against a gdbstub that behaves like QEMU's under KVM.
#include "machine/probe_proof.h"
#include "machine/fake_machine.h"
#include "unit/probe/kvm_stub.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

// Enough for the parts of the proof that pass before the one that fails.
constexpr Duration kEnough = 2s;

class ProbeProofTest : public ::testing::Test {
protected:
    // Runs the proof on a machine with such a gdbstub. Returns its error, or "".
    std::string prove(KvmStub::Fault fault, Duration patience = 60s, Duration answers = 60s) {
        KvmStub stub(fault);
        FakeMachine machine(*load_bench("q35"));
        machine.spec.accelerator = Accelerator::kvm;
        machine.spec.answers_by = Deadline::after(answers);
        machine.guest.symbol_table = std::vector<GuestSymbol>{{KvmStub::kFunction, 'T', function}};
        machine.connect_probe = [&](const ProbeOptions& options) {
            return make_gdb_probe(stub.start(), machine.spec.answers_by, options);
        };
        const Status proven = prove_probe(machine, hello, Deadline::after(patience));
        spinners = machine.guest.orders();
        return proven ? "" : proven.error().message;
    }
    void expect_failure(KvmStub::Fault fault, const std::string& words, Duration patience = 60s,
                        Duration answers = 60s) {
        const SteadyTime begun = steady_clock().now();
        const std::string why = prove(fault, patience, answers);
        EXPECT_NE(why.find(words), std::string::npos) << why;
        EXPECT_LT(steady_clock().now() - begun, 30s) << "far less than the minute";
    }

    std::string function = "__x64_sys_newfstatat";
    AgentHello hello{3, "6.1.0", "x86_64", 128ull << 20, 3, {}};
    std::vector<WriterSpec> spinners;
};

TEST_F(ProbeProofTest, PassesWhereKvmWorks) {
    EXPECT_EQ(prove(KvmStub::Fault::none), "");
    ASSERT_EQ(spinners.size(), 2u);
    EXPECT_EQ(spinners[0].cpu, 1u);
    EXPECT_EQ(spinners[1].cpu, 2u);
    EXPECT_EQ(spinners[1].trigger, WriterTrigger::spin);
}

TEST_F(ProbeProofTest, FailsWhereTheBreakpointIsRepeated) {
    expect_failure(KvmStub::Fault::repeats_breakpoint, "vCPU 1 does not come off the breakpoint at 0xffffffff81000105");
    expect_failure(KvmStub::Fault::repeats_stop, "comes to the breakpoint at 0xffffffff81000105 again without a round");
}

TEST_F(ProbeProofTest, FailsAtItsDeadlineHoweverOftenTheGuestStops) {
    expect_failure(KvmStub::Fault::stops_for_ever, "do not go on from one breakpoint to the next", 300ms);
}

TEST_F(ProbeProofTest, FailsWhereABreakpointIsMissed) {
    expect_failure(KvmStub::Fault::skips_breakpoints, "do not go on from one breakpoint to the next", 300ms);
}

TEST_F(ProbeProofTest, FailsWhereAHoldDoesNotHold) {
    expect_failure(KvmStub::Fault::runs_held, "vCPU 1 runs on although it is held");
}

TEST_F(ProbeProofTest, FailsWhereAHoldHoldsAll) {
    expect_failure(KvmStub::Fault::stops_others, "vCPU 2 does not run on beside vCPU 1, which is held", kEnough);
}

TEST_F(ProbeProofTest, FailsWhereAVcpuIsNotReleased) {
    expect_failure(KvmStub::Fault::stays_held, "vCPU 1 does not go on after it was released", kEnough);
}

TEST_F(ProbeProofTest, FailsWhereAWriteIsNotReported) {
    expect_failure(KvmStub::Fault::sees_no_write, "no write to the watched word", kEnough);
}

TEST_F(ProbeProofTest, FailsWhereAStepTakesInterrupts) {
    expect_failure(KvmStub::Fault::masks_nothing, "cannot mask interrupts during a single step ('ENABLE=1')");
}

TEST_F(ProbeProofTest, FailsAtItsDeadlineWhereQemuIsSilent) {
    expect_failure(KvmStub::Fault::silent_step, "the gdbstub does not answer", 60s, 300ms);
}

TEST_F(ProbeProofTest, NeedsTwoActorsAndTheFunction) {
    function = "another_function";
    EXPECT_EQ(prove(KvmStub::Fault::none), "this kernel has no function for fstatat(2)");
    hello.cpus = 2;
    EXPECT_EQ(prove(KvmStub::Fault::none), "the guest has 2 vCPUs, and the proof of the probe needs 3");
}

}  // namespace
}  // namespace memrig
