// A gdbstub that follows a script, on a thread of its own at the other end of a socket pair.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/descriptor.h"
#include "probe/packet.h"

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

    ScriptedStub() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
        ours_ = Descriptor(ends[0]);
        theirs_ = Descriptor(ends[1]);
    }
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
        return std::move(theirs_);
    }

    // Waits for the script's end. Any error is a failure of the test.
    void finish() {
        if (!thread_.joinable()) return;
        thread_.join();
        for (const auto& mistake : mistakes_) ADD_FAILURE() << mistake;
        mistakes_.clear();
    }

private:
    static bool is_interrupt(const std::string& request) { return request == "<0x03>"; }

    // The next request, "" at the end. Bytes between packets that are neither '+' nor an interrupt are a mistake.
    std::string receive() {
        for (;;) {
            while (!buffer_.empty() && buffer_[0] == '+') buffer_.erase(0, 1);
            if (!buffer_.empty() && buffer_[0] == '\x03') {
                buffer_.erase(0, 1);
                return "<0x03>";
            }
            if (!buffer_.empty() && buffer_[0] != '$') {
                mistakes_.push_back(
                    fmt::format("the probe sends {:#04x} between packets", static_cast<unsigned char>(buffer_[0])));
                return {};
            }
            const std::size_t hash = buffer_.find('#');
            if (hash != std::string::npos && hash + 2 < buffer_.size()) {
                PacketDecoder decoder;
                decoder.feed(buffer_.substr(0, hash + 3));
                buffer_.erase(0, hash + 3);
                const auto payload = decoder.next();
                if (payload && *payload) return **payload;
                mistakes_.emplace_back("the probe sends a broken packet");
                return {};
            }
            char bytes[4096];
            const auto n = read_some(ours_.get(), bytes);
            if (!n || *n == 0) return {};
            buffer_.append(bytes, *n);
        }
    }

    void play() {
        for (const auto& exchange : script_) {
            const std::string request = receive();
            if (request != exchange.expected) {
                mistakes_.push_back(fmt::format("the stub was sent '{}', not '{}'", request, exchange.expected));
                break;
            }
            if (!exchange.reply.empty() &&
                !write_all(ours_.get(), exchange.reply, Deadline::after(std::chrono::seconds(20))))
                break;
        }
        if (mistakes_.empty() && !close_after_) {
            const std::string more = receive();  // "" once the probe is gone
            if (!more.empty()) mistakes_.push_back(fmt::format("the stub was sent '{}' at the end", more));
        }
        ours_.close();
    }

    Descriptor ours_, theirs_;
    std::vector<Exchange> script_;
    bool close_after_ = false;
    std::thread thread_;
    std::string buffer_;
    std::vector<std::string> mistakes_;  // of the thread, until it is joined
};

}  // namespace memrig
