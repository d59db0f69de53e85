// GdbProbe against a scripted stub: what it sends, to the byte, and what it makes of each answer; the end and garbage.
#include "gdb_probe_fixture.h"

namespace memrig {
namespace {

using namespace std::string_literals;

// --- handshake

TEST_F(GdbProbeTest, HandshakeReadsLayoutAndThreads) {
    stub.expect_handshake(3);
    connect();
    EXPECT_EQ(probe->vcpus(), 3u);
    EXPECT_EQ(probe->architecture().name, "x86_64");
    EXPECT_FALSE(probe->running());
}

TEST_F(GdbProbeTest, ThreadsMayComeInSeveralParts) {
    stub.expect("qSupported:multiprocess+;vContSupported+", "multiprocess+");
    stub.expect_annexes();
    stub.expect("?", "T05thread:p01.01;");
    stub.expect("qfThreadInfo", "mp01.01");
    stub.expect("qsThreadInfo", "mp01.02,p01.03");
    stub.expect("qsThreadInfo", "l");
    connect();
    EXPECT_EQ(probe->vcpus(), 3u);
}

// As QEMU does for a client that finds the guest running.
TEST_F(GdbProbeTest, AStopThatIsToldBeforeTheFirstAnswerIsNoAnswer) {
    stub.expect_raw("qSupported:multiprocess+;vContSupported+",
                    ScriptedStub::packet("T02thread:p01.01;") + ScriptedStub::packet("multiprocess+"));
    stub.expect_handshake_after_features(3);
    connect();
    EXPECT_EQ(probe->vcpus(), 3u);
}

TEST_F(GdbProbeTest, AStubThatOnlyTellsOfStopsIsOfNoUse) {
    stub.expect_raw("qSupported:multiprocess+;vContSupported+",
                    ScriptedStub::packet("T02thread:p01.01;") + ScriptedStub::packet("T02thread:p01.01;"));
    expect_no_handshake("multiprocess+");
}

TEST_F(GdbProbeTest, AStubWithoutThreadsIsOfNoUse) {
    stub.expect("qSupported:multiprocess+;vContSupported+", "PacketSize=1000");
    expect_no_handshake("multiprocess+");
}

TEST_F(GdbProbeTest, AStubWithoutADescriptionIsOfNoUse) {
    stub.expect("qSupported:multiprocess+;vContSupported+", "multiprocess+");
    stub.expect("qXfer:features:read:target.xml:0,ffb", "");
    expect_no_handshake("describe its registers");
}

TEST_F(GdbProbeTest, ADescriptionWithoutAnEndIsAnError) {
    stub.expect("qSupported:multiprocess+;vContSupported+", "multiprocess+");
    stub.expect("qXfer:features:read:target.xml:0,ffb", "m");
    expect_no_handshake("has no end");
}

TEST_F(GdbProbeTest, NoStopIsAnError) {
    stub.expect("qSupported:multiprocess+;vContSupported+", "multiprocess+");
    stub.expect_annexes();
    stub.expect("?", "W00");
    expect_no_handshake("'W00'");
}

TEST_F(GdbProbeTest, NoThreadIsAnError) {
    stub.expect("qSupported:multiprocess+;vContSupported+", "multiprocess+");
    stub.expect_annexes();
    stub.expect("?", "T05thread:p01.01;");
    stub.expect("qfThreadInfo", "l");
    expect_no_handshake("no vCPU");
}

// --- looking and changing

TEST_F(GdbProbeTest, RegistersAreReadByName) {
    stub.expect_handshake();
    stub.expect("Hgp01.02", "OK");
    stub.expect("g", register_file(7, 0xffffc90000003e58, 0xffffffff81000010));
    connect();
    const auto registers = probe->registers(1);
    ASSERT_TRUE(registers) << registers.error().message;
    EXPECT_EQ(registers->pc(), 0xffffffff81000010u);
    EXPECT_EQ(registers->sp(), 0xffffc90000003e58u);
    EXPECT_EQ(registers->return_value(), 7u);
    EXPECT_EQ(registers->argument(0), 0x44u);
    EXPECT_EQ(registers->argument(1), 0x33u);
    EXPECT_EQ(registers->get("eflags"), 2u);
}

TEST_F(GdbProbeTest, AVcpuIsSelectedOnce) {
    stub.expect_handshake();
    stub.expect("Hgp01.01", "OK");
    stub.expect("g", register_file(1, 2, 3));
    stub.expect("g", register_file(1, 2, 3));
    stub.expect("Hgp01.02", "OK");
    stub.expect("g", register_file(4, 5, 6));
    connect();
    EXPECT_TRUE(probe->registers(0));
    EXPECT_TRUE(probe->registers(0));
    EXPECT_EQ(probe->registers(1)->pc(), 6u);
}

TEST_F(GdbProbeTest, RegistersThatAreNoneAreAnError) {
    for (const std::string answer : {"E01", "", "1234567", "12"}) {
        ScriptedStub own;
        own.expect_handshake();
        own.expect("Hgp01.01", "OK");
        own.expect("g", answer);
        auto made = make_gdb_probe(own.start(), soon());
        ASSERT_TRUE(made);
        const auto registers = (*made)->registers(0);
        ASSERT_FALSE(registers) << answer;
        expect_rig_fault(registers.error(), "no registers");
        made->reset();
    }
}

TEST_F(GdbProbeTest, WatchpointsComeAndGo) {
    stub.expect_handshake();
    stub.expect("Z2,ffff888001000080,8", "OK");
    stub.expect("z2,ffff888001000080,8", "OK");
    stub.expect("Z2,10,8", "E22");
    connect();
    EXPECT_TRUE(probe->insert_watchpoint(0xffff888001000080, 8));
    EXPECT_TRUE(probe->remove_watchpoint(0xffff888001000080, 8));
    EXPECT_FALSE(probe->insert_watchpoint(0x10, 8));
}

// As QEMU 7.2 does: it keeps what is inserted for each vCPU, and complains where one of them has it not.
TEST_F(GdbProbeTest, ANewVcpuStopsWhereAllOthersDo) {
    stub.expect_handshake(2);
    stub.expect("Z0,1000,1", "OK");
    stub.expect("Z0,2000,1", "OK");
    stub.expect("Z2,3000,8", "OK");
    stub.expect("z0,2000,1", "OK");
    stub.expect("qfThreadInfo", "mp01.01,p01.02,p01.03");
    stub.expect("qsThreadInfo", "l");
    stub.expect("z0,1000,1", "E02");
    stub.expect("Z0,1000,1", "OK");
    stub.expect("z2,3000,8", "E02");
    stub.expect("Z2,3000,8", "OK");
    stub.expect_silently("vCont;c:p01.01;c:p01.03");
    connect();
    ASSERT_TRUE(probe->insert_breakpoint(0x1000, BreakpointKind::software));
    ASSERT_TRUE(probe->insert_breakpoint(0x2000, BreakpointKind::software));
    ASSERT_TRUE(probe->insert_watchpoint(0x3000, 8));
    ASSERT_TRUE(probe->remove_breakpoint(0x2000, BreakpointKind::software));
    ASSERT_TRUE(probe->refresh_vcpus());
    EXPECT_EQ(probe->vcpus(), 3u);
    EXPECT_TRUE(probe->resume({0, 2}));
}

TEST_F(GdbProbeTest, BreakpointsOfBothKindsComeAndGo) {
    stub.expect_handshake();
    stub.expect("Z0,ffffffff81000000,1", "OK");
    stub.expect("Z1,10,1", "OK");
    stub.expect("z1,10,1", "OK");
    stub.expect("z0,ffffffff81000000,1", "OK");
    connect();
    EXPECT_TRUE(probe->insert_breakpoint(0xffffffff81000000, BreakpointKind::software));
    EXPECT_TRUE(probe->insert_breakpoint(0x10, BreakpointKind::hardware));
    EXPECT_TRUE(probe->remove_breakpoint(0x10, BreakpointKind::hardware));
    EXPECT_TRUE(probe->remove_breakpoint(0xffffffff81000000, BreakpointKind::software));
}

TEST_F(GdbProbeTest, ABreakpointThatIsRefusedIsAnError) {
    stub.expect_handshake();
    stub.expect("Z0,10,1", "E22");
    stub.expect("Z1,10,1", "");  // what a stub says to what it does not know
    connect();
    const auto refused = probe->insert_breakpoint(0x10, BreakpointKind::software);
    ASSERT_FALSE(refused);
    expect_rig_fault(refused.error(), "'E22' to 'Z0,10,1'");
    EXPECT_FALSE(probe->insert_breakpoint(0x10, BreakpointKind::hardware));
}

// --- the end of the connection, and garbage

TEST_F(GdbProbeTest, TheEndInEachPhaseOfTheHandshakeIsAFaultOfTheRig) {
    for (int phase = 0; phase < 7; phase++) {
        ScriptedStub own;
        if (phase > 0) own.expect("qSupported:multiprocess+;vContSupported+", "multiprocess+");
        if (phase > 1) own.expect("qXfer:features:read:target.xml:0,ffb", std::string("l") + kTargetXml);
        if (phase > 2) own.expect("qXfer:features:read:core.xml:0,ffb", "m" + std::string(kCoreXml).substr(0, 9));
        if (phase > 3) own.expect("qXfer:features:read:core.xml:9,ffb", "l" + std::string(kCoreXml).substr(9));
        if (phase > 4) own.expect("?", "T05thread:p01.01;");
        if (phase > 5) own.expect("qfThreadInfo", "mp01.01");
        own.close_after();
        const auto made = make_gdb_probe(own.start(), soon());
        ASSERT_FALSE(made) << phase;
        EXPECT_EQ(made.error().fault, Fault::rig) << phase;
    }
}

TEST_F(GdbProbeTest, TheEndOfARunningGuestIsAFaultOfTheRig) {
    stub.expect_handshake();
    stub.expect_silently("vCont;c");
    stub.close_after();
    connect();
    ASSERT_TRUE(probe->resume({0, 1, 2}));
    const auto stop = probe->wait_stop(soon(), -1);
    ASSERT_FALSE(stop);
    expect_rig_fault(stop.error(), "closed");
}

TEST_F(GdbProbeTest, TheEndUnderEveryRequestIsAFaultOfTheRig) {
    const std::vector<std::function<Status(Probe&)>> requests = {
        [](Probe& p) -> Status {
            auto r = p.registers(0);
            if (!r) return std::unexpected(r.error());
            return {};
        },
        [](Probe& p) -> Status {
            auto r = p.read_memory(0, 0x10, 4);
            if (!r) return std::unexpected(r.error());
            return {};
        },
        [](Probe& p) { return p.write_memory(0, 0x10, "x"); },
        [](Probe& p) { return p.insert_breakpoint(0x10, BreakpointKind::software); },
        [](Probe& p) { return p.step(0); },
        [](Probe& p) { return p.detach(); },
    };
    for (const auto& request : requests) {
        ScriptedStub own;
        own.expect_handshake();
        own.close_after();
        auto made = make_gdb_probe(own.start(), soon());
        ASSERT_TRUE(made);
        own.finish();
        const Status status = request(**made);
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().fault, Fault::rig) << status.error().message;
    }
}

TEST_F(GdbProbeTest, ABrokenPacketIsAFaultOfTheRig) {
    stub.expect_handshake();
    stub.expect_raw("Z0,10,1", "$OK#00");
    connect();
    const auto status = probe->insert_breakpoint(0x10, BreakpointKind::software);
    ASSERT_FALSE(status);
    expect_rig_fault(status.error(), "checksum");
}

TEST_F(GdbProbeTest, NoiseBetweenPacketsDoesNoHarm) {
    stub.expect_handshake();
    stub.expect_raw("Z0,10,1", "+++noise" + ScriptedStub::packet("OK"));
    connect();
    EXPECT_TRUE(probe->insert_breakpoint(0x10, BreakpointKind::software));
}

TEST(ConnectGdbProbe, APathThatNobodyListensAtIsAnError) {
    const auto made = connect_gdb_probe("/nonexistent/gdb", at_once());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().fault, Fault::rig);
}
}  // namespace
}  // namespace memrig
