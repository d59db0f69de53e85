// Packets to and from a gdbstub, and their transcript: what is said, not what it means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "probe/packet.h"
#include "probe/probe.h"

namespace memrig {

// Not thread-safe. An error is Fault::rig (the stub is gone, late or says nonsense) or Fault::interrupted.
class GdbSession {
public:
    // The stub answers from QEMU's main loop; it is late only when the host is, or when QEMU is stuck.
    static constexpr auto kReplyPatience = std::chrono::seconds(60);

    explicit GdbSession(Descriptor socket) : socket_(std::move(socket)) {}

    // Queues a packet; it leaves with the next flush(), so that what needs no answer in between costs one trip.
    void queue(std::string_view payload);
    // The same for one that the stub answers with OK; that is checked when the next answer is read.
    void queue_for_ok(std::string payload);
    Status flush();
    Status take_oks();
    // The next packet; nothing if `deadline` passed, or `wake` became readable, before it came.
    Result<std::optional<std::string>> receive(Deadline deadline, int wake);
    // The next packet that is no awaited OK.
    Result<std::string> reply();
    // queue(), flush() and reply().
    Result<std::string> ask(std::string_view payload);
    Status ask_ok(std::string_view payload);
    // Asks a running guest's stub to stop it; the stop is a packet of its own.
    Status interrupt();
    void close() { socket_.close(); }
    [[nodiscard]] const std::vector<ProbeLine>& transcript() const { return transcript_; }

private:
    Status send(std::string_view bytes);
    void note(bool sent, std::string_view text);

    Descriptor socket_;
    PacketDecoder decoder_;
    std::string outgoing_;
    std::vector<std::string> awaiting_ok_;  // what was sent, in order
    std::vector<ProbeLine> transcript_;
};

}  // namespace memrig
