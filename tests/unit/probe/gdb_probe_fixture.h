// The fixture of the tests of GdbProbe.
#pragma once

#include "probe/gdb_probe.h"
#include "scripted_stub.h"
#include "unit/support/deadlines.h"

namespace memrig {

inline Deadline soon() { return Deadline::after(std::chrono::seconds(60)); }

// 9 registers of 8 bytes and one of 4, in the order of kCoreXml.
inline std::string register_file(std::uint64_t rax, std::uint64_t rsp, std::uint64_t rip) {
    const std::uint64_t values[9] = {rax, 0x11, 0x22, 0x33, 0x44, rsp, 0x88, 0x99, rip};
    std::string raw;
    for (const auto value : values)
        for (int i = 0; i < 8; i++) raw += static_cast<char>(value >> (8 * i));
    return to_hex(raw + std::string("\x02\x00\x00\x00", 4));
}

class GdbProbeTest : public ::testing::Test {
protected:
    Result<std::unique_ptr<Probe>> make() { return make_gdb_probe(stub.start(), soon()); }
    // The script so far is the handshake and what the test added.
    void connect() {
        auto made = make();
        ASSERT_TRUE(made) << made.error().message;
        probe = *std::move(made);
    }
    void TearDown() override {
        probe.reset();
        stub.finish();
    }
    void expect_rig_fault(const Error& error, const std::string& words) {
        EXPECT_EQ(error.fault, Fault::rig) << error.message;
        EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
    }
    void expect_no_handshake(const std::string& words) {
        const auto made = make();
        ASSERT_FALSE(made);
        expect_rig_fault(made.error(), words);
    }

    ScriptedStub stub;
    std::unique_ptr<Probe> probe;
};

}  // namespace memrig
