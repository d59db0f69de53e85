// GdbProbe against a scripted stub: resuming, stepping, stops of each kind, interrupts.
#include <sys/eventfd.h>

#include "gdb_probe_fixture.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

// --- running and stopping

TEST_F(GdbProbeTest, AllVcpusAreResumedAtOnce) {
    stub.expect_handshake();
    stub.expect("vCont;c", "T05thread:p01.03;");
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    EXPECT_TRUE(probe->running());
    const auto stop = probe->wait_stop(soon(), -1);
    ASSERT_TRUE(stop && *stop);
    EXPECT_EQ((*stop)->vcpu, 2u);
    EXPECT_EQ((*stop)->cause, StopCause::breakpoint);
    EXPECT_FALSE(probe->running());
}

TEST_F(GdbProbeTest, HeldVcpusAreNotNamed) {
    stub.expect_handshake();
    stub.expect("vCont;c:p01.01;c:p01.03", "T05thread:p01.01;");
    connect();
    ASSERT_TRUE(probe->resume({0, 2}));
    EXPECT_TRUE(probe->wait_stop(soon(), -1));
}

TEST_F(GdbProbeTest, NothingToResumeIsAnError) {
    stub.expect_handshake();
    connect();
    EXPECT_FALSE(probe->resume({}));
    EXPECT_FALSE(probe->running());
}

TEST_F(GdbProbeTest, RegistersAreSetWithTheResumeAndTheirAnswersTakenInOrder) {
    stub.expect_handshake();
    stub.expect_silently("Hgp01.02");
    stub.expect_silently("P8=1000008100000000");
    stub.expect_silently("P0=0500000000000000");
    const std::string oks = ScriptedStub::packet("OK") + ScriptedStub::packet("OK") + ScriptedStub::packet("OK");
    stub.expect_raw("vCont;c", oks + ScriptedStub::packet("T05thread:p01.02;"));
    connect();
    ASSERT_TRUE(probe->set_register(1, "rip", 0x81000010));
    ASSERT_TRUE(probe->set_register(1, "rax", 5));
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const auto stop = probe->wait_stop(soon(), -1);
    ASSERT_TRUE(stop && *stop) << "an OK was taken for a stop";
    EXPECT_EQ((*stop)->vcpu, 1u);
}

TEST_F(GdbProbeTest, ARegisterThatIsNotSetFailsTheResume) {
    stub.expect_handshake();
    stub.expect_silently("Hgp01.01");
    stub.expect_silently("P8=0000000000000000");
    stub.expect_raw("vCont;c", ScriptedStub::packet("OK") + ScriptedStub::packet("E14"));
    connect();
    ASSERT_TRUE(probe->set_register(0, "rip", 0));
    const auto resumed = probe->resume({0, 1, 2});
    ASSERT_FALSE(resumed);
    expect_rig_fault(resumed.error(), "'E14' to 'P8=");
}

TEST_F(GdbProbeTest, ARegisterIsSetBeforeTheNextLook) {
    stub.expect_handshake();
    stub.expect_silently("Hgp01.01");
    stub.expect_silently("P5=0001000000000000");
    stub.expect_raw("m100,1", ScriptedStub::packet("OK") + ScriptedStub::packet("OK") + ScriptedStub::packet("ab"));
    connect();
    ASSERT_TRUE(probe->set_register(0, "rsp", 0x100));
    EXPECT_EQ(probe->read_memory(0, 0x100, 1), "\xab");
}

TEST_F(GdbProbeTest, AnUnknownRegisterIsAnErrorAndSendsNothing) {
    stub.expect_handshake();
    connect();
    EXPECT_FALSE(probe->set_register(0, "x30", 0));
}

TEST_F(GdbProbeTest, AStepIsOneVcpusAlone) {
    stub.expect_handshake();
    stub.expect("vCont;s:p01.02", "T05thread:p01.02;");
    connect();
    EXPECT_TRUE(probe->step(1));
    EXPECT_FALSE(probe->running());
}

TEST_F(GdbProbeTest, AStepThatEndsElsewhereIsAnError) {
    stub.expect_handshake();
    stub.expect("vCont;s:p01.02", "T05thread:p01.01;");
    stub.expect("vCont;s:p01.02", "W00");
    connect();
    for (int i = 0; i < 2; i++) {
        const auto stepped = probe->step(1);
        ASSERT_FALSE(stepped);
        expect_rig_fault(stepped.error(), "single step");
    }
}

// As under KVM.
TEST_F(GdbProbeTest, AProbeThatStopsAtBreakpointsMasksInterruptsDuringAStep) {
    for (const std::string bits : {"ENABLE=1,NOIRQ=2", "ENABLE=1", ""}) {
        ScriptedStub own;
        own.expect_handshake();
        own.expect("qqemu.sstepbits", bits);
        const auto made = make_gdb_probe(own.start(), soon(), {.steps_over_breakpoints = false});
        EXPECT_EQ(made.has_value(), bits == "ENABLE=1,NOIRQ=2") << bits;
        if (made) EXPECT_FALSE((*made)->steps_over_breakpoints());
        else EXPECT_EQ(made.error().fault, Fault::host);
    }
    stub.expect_handshake();
    connect();
    EXPECT_TRUE(probe->steps_over_breakpoints());
}

TEST_F(GdbProbeTest, NoAnswerIsAwaitedForLongerThanAsked) {
    stub.expect_handshake();
    stub.expect_silently("vCont;s:p01.01");
    stub.expect_silently("vCont;c");
    stub.expect_silently("<0x03>");
    const Deadline answers_by = Deadline::after(1s);
    auto made = make_gdb_probe(stub.start(), soon(), {.answers_by = answers_by});
    ASSERT_TRUE(made) << made.error().message;
    probe = *std::move(made);
    const SteadyTime begun = steady_clock().now();
    const Status stepped = probe->step(0);
    ASSERT_FALSE(stepped);
    expect_rig_fault(stepped.error(), "does not answer");
    EXPECT_TRUE(answers_by.expired());
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const auto stop = probe->interrupt(soon());
    ASSERT_FALSE(stop);
    expect_rig_fault(stop.error(), "did not stop the guest");
    EXPECT_LT(steady_clock().now() - begun, 30s) << "by itself, a request waits for a minute";
}

TEST_F(GdbProbeTest, AStopSelectsItsVcpu) {
    stub.expect_handshake();
    stub.expect("vCont;c", "T05thread:p01.02;");
    stub.expect("g", register_file(1, 2, 3));  // no Hg before it: QEMU has made p01.02 the current one
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    ASSERT_TRUE(probe->wait_stop(soon(), -1));
    EXPECT_TRUE(probe->registers(1));
}

TEST_F(GdbProbeTest, AnInterruptLeavesTheSelectionOpen) {
    stub.expect_handshake();
    stub.expect("Hgp01.01", "OK");
    stub.expect("g", register_file(1, 2, 3));
    stub.expect_silently("vCont;c");
    stub.expect("<0x03>", "T02thread:p01.01;");
    stub.expect("Hgp01.01", "OK");
    stub.expect("g", register_file(1, 2, 3));
    connect();
    ASSERT_TRUE(probe->registers(0));
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const auto stop = probe->interrupt(soon());
    ASSERT_TRUE(stop) << stop.error().message;
    EXPECT_EQ(stop->cause, StopCause::interrupt);
    EXPECT_FALSE(probe->running());
    EXPECT_TRUE(probe->registers(0));
}

TEST_F(GdbProbeTest, AnInterruptMayFindABreakpointThatWasHit) {
    stub.expect_handshake();
    stub.expect_silently("vCont;c");
    stub.expect("<0x03>", "T05thread:p01.03;");
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const auto stop = probe->interrupt(soon());
    ASSERT_TRUE(stop);
    EXPECT_EQ(stop->cause, StopCause::breakpoint);
    EXPECT_EQ(stop->vcpu, 2u);
}

TEST_F(GdbProbeTest, AWatchpointSaysItsAddress) {
    for (const std::string kind : {"watch", "rwatch", "awatch"}) {
        ScriptedStub own;
        own.expect_handshake();
        own.expect("vCont;c", "T05thread:p01.02;" + kind + ":ffff888000001234;");
        auto made = make_gdb_probe(own.start(), soon());
        ASSERT_TRUE(made);
        ASSERT_TRUE((*made)->resume({0, 1, 2}));
        const auto stop = (*made)->wait_stop(soon(), -1);
        ASSERT_TRUE(stop && *stop);
        EXPECT_EQ((*stop)->cause, StopCause::watchpoint);
        EXPECT_EQ((*stop)->watched, 0xffff888000001234u);
        EXPECT_EQ((*stop)->vcpu, 1u);
        made->reset();
    }
}

TEST_F(GdbProbeTest, StopsThatMakeNoSenseAreFaultsOfTheRig) {
    for (const std::string answer : {"W00", "X09", "T05", "T05thread:p01.09;", "Tzzthread:p01.01;", "E22", "OK", ""}) {
        ScriptedStub own;
        own.expect_handshake();
        own.expect("vCont;c", answer);
        auto made = make_gdb_probe(own.start(), soon());
        ASSERT_TRUE(made);
        ASSERT_TRUE((*made)->resume({0, 1, 2}));
        const auto stop = (*made)->wait_stop(soon(), -1);
        ASSERT_FALSE(stop) << answer;
        EXPECT_EQ(stop.error().fault, Fault::rig);
        made->reset();
    }
}

TEST_F(GdbProbeTest, NoStopByTheDeadlineIsNothing) {
    stub.expect_handshake();
    stub.expect_silently("vCont;c");
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const auto stop = probe->wait_stop(at_once(), -1);
    ASSERT_TRUE(stop);
    EXPECT_FALSE(*stop);
    EXPECT_TRUE(probe->running());
}

TEST_F(GdbProbeTest, AWakeEndsTheWait) {
    stub.expect_handshake();
    stub.expect_silently("vCont;c");
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const Descriptor wake(::eventfd(1, EFD_CLOEXEC));
    const auto stop = probe->wait_stop(Deadline::after(24h), wake.get());
    ASSERT_TRUE(stop);
    EXPECT_FALSE(*stop);
}

// A stub takes anything but an interrupt, sent while the guest runs, as a wish to stop.
TEST_F(GdbProbeTest, NothingButAnInterruptIsSentWhileTheGuestRuns) {
    stub.expect_handshake();
    stub.expect_silently("vCont;c");
    stub.expect("<0x03>", "T02thread:p01.01;");
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    EXPECT_FALSE(probe->registers(0));
    EXPECT_FALSE(probe->set_register(0, "rip", 1));
    EXPECT_FALSE(probe->read_memory(0, 0x1000, 8));
    EXPECT_FALSE(probe->write_memory(0, 0x1000, "x"));
    EXPECT_FALSE(probe->insert_breakpoint(0x1000, BreakpointKind::software));
    EXPECT_FALSE(probe->remove_breakpoint(0x1000, BreakpointKind::software));
    EXPECT_FALSE(probe->step(0));
    EXPECT_FALSE(probe->resume({0}));
    EXPECT_TRUE(probe->running());
    // The interrupt is the next that the stub gets to see: its script fails on anything else.
    EXPECT_TRUE(probe->interrupt(soon()));
}

TEST_F(GdbProbeTest, WaitingForAGuestThatStandsStillIsAnError) {
    stub.expect_handshake();
    connect();
    EXPECT_FALSE(probe->wait_stop(at_once(), -1));
}

TEST_F(GdbProbeTest, LettingGoStopsAndDetaches) {
    stub.expect_handshake();
    stub.expect_silently("vCont;c");
    stub.expect("<0x03>", "T02thread:p01.01;");
    stub.expect("D;1", "OK");
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    EXPECT_TRUE(probe->detach());
}

TEST_F(GdbProbeTest, TheTranscriptHasBothSides) {
    stub.expect_handshake();
    connect();
    const auto lines = probe->transcript();
    ASSERT_GE(lines.size(), 2u);
    EXPECT_TRUE(lines[0].sent);
    EXPECT_EQ(lines[0].text, "qSupported:multiprocess+;vContSupported+");
    EXPECT_FALSE(lines[1].sent);
}
}  // namespace
}  // namespace memrig
