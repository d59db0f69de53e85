// Exchanges packets with a gdbstub and keeps their transcript. It does not interpret what they say.
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

// Not thread-safe. An error is Fault::rig (the stub is gone, late, or sends something invalid) or Fault::interrupted.
class GdbSession {
public:
    // The stub answers from QEMU's main loop. It is late only if the host is overloaded or QEMU is stuck.
    static constexpr auto kReplyPatience = std::chrono::seconds(60);

    // After `answers_by`, no reply is awaited.
    GdbSession(Descriptor socket, Deadline answers_by) : socket_(std::move(socket)), answers_by_(answers_by) {}

    // Queues a packet. flush() sends all queued packets in one trip: use it if they need no answer in between.
    void queue(std::string_view payload);
    // Queues a packet that the stub answers with OK. take_oks() or reply() checks that answer.
    void queue_for_ok(std::string payload);
    Status flush();
    Status take_oks();
    // Returns the next packet, or nothing if `deadline` passed or `wake` became readable before it came.
    Result<std::optional<std::string>> receive(Deadline deadline, int wake);
    // Takes the OKs that are awaited, then returns the next packet.
    Result<std::string> reply();
    // Sends a packet (queue() and flush()) and returns its reply().
    Result<std::string> ask(std::string_view payload);
    // Sends a packet and fails unless the stub answers OK.
    Status ask_ok(std::string_view payload);
    // Asks the stub to stop a running guest. The stop arrives as a packet of its own.
    Status interrupt();
    void close() { socket_.close(); }
    [[nodiscard]] const std::vector<ProbeLine>& transcript() const { return transcript_; }

private:
    Status send(std::string_view bytes);
    [[nodiscard]] Deadline patience() const { return Deadline::after(kReplyPatience).earlier(answers_by_); }
    void note(bool sent, std::string_view text);

    Descriptor socket_;
    const Deadline answers_by_;
    PacketDecoder decoder_;
    std::string outgoing_;
    std::vector<std::string> awaiting_ok_;  // the payloads whose OK was not read yet, in the order sent
    std::vector<ProbeLine> transcript_;
};

}  // namespace memrig
