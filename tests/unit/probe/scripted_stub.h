// A gdbstub that follows a script, on a thread of its own at the other end of a socket pair.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "stub_wire.h"

namespace memrig {

inline constexpr const char* kTargetXml =
    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
    "<target><architecture>i386:x86-64</architecture><xi:include href=\"core.xml\"/></target>";
inline constexpr const char* kCoreXml =
    "<?xml version=\"1.0\"?><!DOCTYPE feature SYSTEM \"gdb-target.dtd\"><feature name=\"core\">"
    "<reg name=\"rax\" bitsize=\"64\"/><reg name=\"rcx\" bitsize=\"64\"/><reg name=\"rdx\" bitsize=\"64\"/>"
    "<reg name=\"rsi\" bitsize=\"64\"/><reg name=\"rdi\" bitsize=\"64\"/><reg name=\"rsp\" bitsize=\"64\"/>"
    "<reg name=\"r8\" bitsize=\"64\"/><reg name=\"r9\" bitsize=\"64\"/><reg name=\"rip\" bitsize=\"64\"/>"
    "<reg name=\"eflags\" bitsize=\"32\"/></feature>";

inline constexpr const char* kPpcTargetXml =
    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
    "<target><architecture>powerpc:common64</architecture><xi:include href=\"core.xml\"/></target>";
inline constexpr const char* kPpcCoreXml =
    "<?xml version=\"1.0\"?><!DOCTYPE feature SYSTEM \"gdb-target.dtd\"><feature name=\"core\">"
    "<reg name=\"r1\" bitsize=\"64\"/><reg name=\"r3\" bitsize=\"64\"/><reg name=\"r4\" bitsize=\"64\"/>"
    "<reg name=\"r5\" bitsize=\"64\"/><reg name=\"r6\" bitsize=\"64\"/><reg name=\"r7\" bitsize=\"64\"/>"
    "<reg name=\"r8\" bitsize=\"64\"/><reg name=\"pc\" bitsize=\"64\"/><reg name=\"lr\" bitsize=\"64\"/></feature>";

// REQUIRES: the probe is destroyed, or its socket closed, before this is.
class ScriptedStub {
public:
    // One exchange: what must come, and what is then sent as it stands. "<0x03>" stands for the interrupt.
    struct Exchange {
        std::string expected;
        std::string reply;  // raw bytes; see packet()
    };

    ~ScriptedStub() { finish(); }

    static std::string packet(std::string_view payload) { return encode_packet(payload); }

    void expect(std::string request, std::string_view reply) { script_.push_back({std::move(request), packet(reply)}); }
    void expect_raw(std::string request, std::string reply) {
        script_.push_back({std::move(request), std::move(reply)});
    }
    // No answer to this one.
    void expect_silently(std::string request) { script_.push_back({std::move(request), ""}); }
    // The socket is closed once the script has come to its end.
    void close_after() { close_after_ = true; }

    void expect_handshake(unsigned vcpus = 3, const std::string& target = kTargetXml,
                          const std::string& core = kCoreXml) {
        expect("qSupported:multiprocess+;vContSupported+", "PacketSize=1000;qXfer:features:read+;multiprocess+");
        expect_handshake_after_features(vcpus, target, core);
    }
    void expect_handshake_after_features(unsigned vcpus = 3, const std::string& target = kTargetXml,
                                         const std::string& core = kCoreXml) {
        expect_annexes(target, core);
        expect("?", "T05thread:p01.01;");
        std::string list = "m";
        for (unsigned i = 1; i <= vcpus; i++) list += fmt::format("{}p01.{:02x}", i == 1 ? "" : ",", i);
        expect("qfThreadInfo", list);
        expect("qsThreadInfo", "l");
    }
    void expect_annexes(const std::string& target = kTargetXml, const std::string& core = kCoreXml) {
        // In two parts, as a stub does with what is larger than a packet.
        expect("qXfer:features:read:target.xml:0,ffb", "l" + target);
        expect("qXfer:features:read:core.xml:0,ffb", "m" + core.substr(0, 100));
        expect("qXfer:features:read:core.xml:64,ffb", "l" + core.substr(100));
    }

    // Begins to play; the probe's end of the socket.
    Descriptor start() {
        thread_ = std::thread([this] { play(); });
        return std::move(wire_.theirs);
    }

    // Waits for the script's end. Any error is a failure of the test.
    void finish() {
        if (!thread_.joinable()) return;
        thread_.join();
        wire_.report_mistakes();
    }

private:
    void play() {
        for (const auto& exchange : script_) {
            const std::string request = wire_.receive();
            if (request != exchange.expected) {
                wire_.mistakes.push_back(fmt::format("the stub was sent '{}', not '{}'", request, exchange.expected));
                break;
            }
            if (!exchange.reply.empty() && !wire_.send(exchange.reply)) break;
        }
        if (wire_.mistakes.empty() && !close_after_) {
            const std::string more = wire_.receive();  // "" once the probe is gone
            if (!more.empty()) wire_.mistakes.push_back(fmt::format("the stub was sent '{}' at the end", more));
        }
        wire_.ours.close();
    }

    StubWire wire_;
    std::vector<Exchange> script_;
    bool close_after_ = false;
    std::thread thread_;
};

}  // namespace memrig
