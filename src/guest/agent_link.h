// GuestLink over a stream socket: the host's end of the agent's serial line (docs/agent-protocol.md).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/descriptor.h"
#include "guest/frame.h"
#include "guest/guest_link.h"
#include "guest/transcript.h"

namespace memrig {

// A thread of its own reads the socket all the time, since a full socket blocks the guest's UART with QEMU's big lock
// held. Waits end early with Fault::interrupted if the user asks to stop, and with Fault::rig if the socket is closed.
// A reply that comes after its deadline is ignored.
class AgentLink final : public GuestLink {
public:
    // Takes a connected socket. `transcript` may be empty.
    static Result<std::unique_ptr<AgentLink>> open(Descriptor socket, TranscriptSink transcript = {});
    ~AgentLink() override;
    AgentLink(const AgentLink&) = delete;
    AgentLink& operator=(const AgentLink&) = delete;

    Result<AgentHello> hello(Deadline deadline) override;
    Result<std::vector<GuestSymbol>> symbols(const std::vector<std::string>& names, Deadline deadline) override;
    Result<std::vector<MemoryBlock>> blocks(Deadline deadline) override;
    Result<MemoryFigures> memory(Deadline deadline) override;
    Result<std::map<std::string, std::uint64_t>> slabs(Deadline deadline) override;
    Result<BlockedTasks> blocked_tasks(Deadline deadline) override;
    Result<PassedTime> pass_time(Deadline deadline) override;
    Result<std::uint64_t> pin_page(const std::string& name, std::uint64_t first_block, std::uint64_t last_block,
                                   Deadline deadline) override;
    Status unpin_page(const std::string& name, Deadline deadline) override;
    Result<std::uint64_t> fill_memory(const std::string& name, std::uint64_t bytes, std::uint64_t first_block,
                                      std::uint64_t last_block, Deadline deadline) override;
    Status start_writer(const WriterSpec& spec, Deadline deadline) override;
    Result<Doorbell> arm_writer(const WriterSpec& spec, Deadline deadline) override;
    Status stop_writer(const std::string& name, Deadline deadline) override;
    std::vector<WriterReport> writes() override;
    Result<bool> wait_writes(std::size_t seen, Deadline deadline) override;
    Result<std::string> read_guest_file(const std::string& path, Deadline deadline) override;
    Status write_guest_file(const std::string& path, const std::string& text, Deadline deadline) override;
    Status sysrq(char key, Deadline deadline) override;
    Status power_off(Deadline deadline) override;
    int descriptor() const override { return news_.get(); }
    void shorten_waits_when(std::function<bool()> crashed, Duration patience) override;

private:
    // The request on the wire, and its reply as far as received.
    struct Pending {
        std::uint32_t id = 0;
        std::uint16_t parts = 0;
        bool deflated = false;
        bool done = false;
        std::string text;             // the parts so far, put together
        std::string status;           // the payload of the frame that ended the reply
        std::optional<Error> broken;  // why the reply cannot be read
    };
    class Turn;

    AgentLink(Descriptor socket, Descriptor news, Descriptor quit, TranscriptSink transcript);
    void read_for_ever();
    void take(const Frame& frame, SteadyTime at);
    void take_part(const Frame& frame);
    void take_reply(const Frame& frame);
    void take_hello(const Frame& frame);
    void take_event(const Frame& frame, SteadyTime at);
    void note(const Frame& frame, SteadyTime at, bool sent);
    void signal_news();

    Result<bool> wait(std::unique_lock<std::mutex>& lock, Deadline deadline, const std::function<bool()>& done);
    Result<bool> wait_for_reply(std::unique_lock<std::mutex>& lock, Deadline deadline);
    Status send(const Frame& frame, std::string_view lead_in, Deadline deadline);
    // Sends `payload` and returns the lines of the reply. `what`: the request's name in errors.
    Result<std::string> ask(std::string_view what, const std::string& payload, Deadline deadline);

    Descriptor socket_;
    Descriptor news_;  // an eventfd: see descriptor()
    Descriptor quit_;  // an eventfd that ends the reader
    TranscriptSink transcript_;
    std::mutex transcript_mutex_;

    std::mutex mutex_;  // protects all members below, but `reader_`
    std::condition_variable changed_;
    bool busy_ = false;    // a caller has the wire
    bool closed_ = false;  // the socket was closed
    std::uint32_t last_id_;
    Pending pending_;
    std::optional<std::string> greeting_;  // one that the agent sent by itself, until hello() returns it
    unsigned foreign_version_ = 0;
    std::vector<WriterReport> writes_;
    std::function<bool()> crashed_;
    Duration patience_with_crashed_{};

    std::thread reader_;
};

}  // namespace memrig
