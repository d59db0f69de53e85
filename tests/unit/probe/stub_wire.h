// The wire of a gdbstub in a test: a socket pair, and packets on its stub's end.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/descriptor.h"
#include "probe/packet.h"

namespace memrig {

struct StubWire {
    StubWire() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
        ours = Descriptor(ends[0]);
        theirs = Descriptor(ends[1]);
    }

    bool send(const std::string& bytes) {
        return write_all(ours.get(), bytes, Deadline::after(std::chrono::seconds(20))).has_value();
    }
    // Makes each mistake a failure of the test. REQUIRES: the stub's thread has ended.
    void report_mistakes() {
        for (const auto& mistake : std::exchange(mistakes, {})) ADD_FAILURE() << mistake;
    }

    // The next request, "" at the end. Bytes between packets that are neither '+' nor an interrupt are a mistake.
    std::string receive() {
        for (;;) {
            while (!buffer.empty() && buffer[0] == '+') buffer.erase(0, 1);
            if (!buffer.empty() && buffer[0] == '\x03') {
                buffer.erase(0, 1);
                return "<0x03>";
            }
            if (!buffer.empty() && buffer[0] != '$') {
                mistakes.push_back(
                    fmt::format("the probe sends {:#04x} between packets", static_cast<unsigned char>(buffer[0])));
                return {};
            }
            const std::size_t hash = buffer.find('#');
            if (hash != std::string::npos && hash + 2 < buffer.size()) {
                PacketDecoder decoder;
                decoder.feed(buffer.substr(0, hash + 3));
                buffer.erase(0, hash + 3);
                const auto payload = decoder.next();
                if (payload && *payload) return **payload;
                mistakes.emplace_back("the probe sends a broken packet");
                return {};
            }
            char bytes[4096];
            const auto n = read_some(ours.get(), bytes);
            if (!n || *n == 0) return {};
            buffer.append(bytes, *n);
        }
    }

    Descriptor ours, theirs;
    std::string buffer;
    std::vector<std::string> mistakes;
};

}  // namespace memrig
