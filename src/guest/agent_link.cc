#include "guest/agent_link.h"

#include <array>
#include <chrono>
#include <random>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stop_request.h"
#include "base/text.h"
#include "guest/replies.h"

namespace memrig {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxWrites = 1 << 20;
// While QEMU loads a saved guest, its UART may swallow what it receives, up to the 16 bytes of its FIFO.
constexpr std::string_view kLeadIn = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
// A guest that boots or is being loaded loses what was sent before the agent listened, so the request is repeated.
constexpr milliseconds kHelloInterval{250};
// The interval at which a wait for a reply checks whether the guest has crashed.
constexpr milliseconds kGlance{500};

Error channel_gone() { return {Fault::rig, "the agent's channel is gone", "see the console and QEMU's output"}; }

void add_to_eventfd(int fd) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(fd, &one, sizeof one);
}

}  // namespace

// A caller's exclusive use of the wire. Its pending request is dropped when the turn ends.
class AgentLink::Turn {
public:
    static Result<std::unique_ptr<Turn>> take(AgentLink& link, std::string_view what, Deadline deadline) {
        std::unique_lock lock(link.mutex_);
        MEMRIG_TRY(const bool free, link.wait(lock, deadline, [&] { return !link.busy_; }));
        if (!free)
            return fail(Fault::guest, "no time left to ask the agent for {}: it is still at an earlier request", what);
        link.busy_ = true;
        link.pending_ = Pending{};
        do link.last_id_++;
        while (link.last_id_ == 0 || !can_be_carried(encode_frame({FrameType::request, link.last_id_, 0, {}})));
        link.pending_.id = link.last_id_;
        return std::unique_ptr<Turn>(new Turn(link));
    }
    ~Turn() {
        const std::lock_guard lock(link_.mutex_);
        link_.busy_ = false;
        link_.pending_ = Pending{};
        link_.changed_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    explicit Turn(AgentLink& link) : link_(link) {}
    AgentLink& link_;
};

Result<std::unique_ptr<AgentLink>> AgentLink::open(Descriptor socket, TranscriptSink transcript) {
    Descriptor news(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    Descriptor quit(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!news.valid() || !quit.valid()) return fail_errno(Fault::host, "make an event descriptor");
    return std::unique_ptr<AgentLink>(
        new AgentLink(std::move(socket), std::move(news), std::move(quit), std::move(transcript)));
}

AgentLink::AgentLink(Descriptor socket, Descriptor news, Descriptor quit, TranscriptSink transcript)
    : socket_(std::move(socket)),
      news_(std::move(news)),
      quit_(std::move(quit)),
      transcript_(std::move(transcript)),
      // A restored agent may still answer a request of the run that was saved, so ids must not be used again.
      last_id_(std::random_device{}()),
      reader_([this] { read_for_ever(); }) {}

AgentLink::~AgentLink() {
    add_to_eventfd(quit_.get());
    reader_.join();
}

// --- the reader's thread ---

void AgentLink::read_for_ever() {
    FrameDecoder decoder;
    std::array<char, 1 << 16> buffer;
    for (;;) {
        pollfd fds[] = {{socket_.get(), POLLIN, 0}, {quit_.get(), POLLIN, 0}};
        if (::poll(fds, 2, -1) < 0) continue;
        if (fds[1].revents != 0) return;
        const auto n = read_some(socket_.get(), buffer);
        const SteadyTime at = std::chrono::steady_clock::now();
        if (!n || *n == 0) break;
        decoder.feed({buffer.data(), *n});
        while (const auto frame = decoder.next()) take(*frame, at);
        const std::lock_guard lock(mutex_);
        foreign_version_ = decoder.foreign_version();
    }
    if (decoder.skipped() > 0)
        logger(LogLayer::guest).debug("{} bytes on the agent's link belonged to no frame", decoder.skipped());
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    signal_news();
}

void AgentLink::take(const Frame& frame, SteadyTime at) {
    note(frame, at, false);
    const std::lock_guard lock(mutex_);
    switch (frame.type) {
        case FrameType::hello: take_hello(frame); break;
        case FrameType::reply: take_reply(frame); break;
        case FrameType::part:
        case FrameType::deflated_part: take_part(frame); break;
        case FrameType::event: take_event(frame, at); break;
        case FrameType::request: break;  // memrig's own request, echoed by a line that is not raw yet
    }
    changed_.notify_all();
}

void AgentLink::take_hello(const Frame& frame) {
    if (frame.id == 0) {
        greeting_ = frame.payload;
    } else if (frame.id == pending_.id) {
        pending_.status = frame.payload;
        pending_.done = true;
    }
}

void AgentLink::take_part(const Frame& frame) {
    if (frame.id != pending_.id || pending_.done || pending_.broken) return;
    const bool deflated = frame.type == FrameType::deflated_part;
    if (frame.sequence != pending_.parts || (pending_.parts > 0 && deflated != pending_.deflated)) {
        pending_.broken = Error{Fault::rig, "a part of the agent's reply was lost on the line", {}};
    } else if (pending_.text.size() + frame.payload.size() > kMaxReply) {
        pending_.broken =
            Error{Fault::guest, fmt::format("the agent sent a reply of more than {} bytes", kMaxReply), {}};
    } else {
        pending_.parts++;
        pending_.deflated = deflated;
        pending_.text += frame.payload;
    }
}

void AgentLink::take_reply(const Frame& frame) {
    if (frame.id != pending_.id || pending_.done) return;
    if (frame.sequence != pending_.parts && !pending_.broken)
        pending_.broken = Error{Fault::rig, "a part of the agent's reply was lost on the line", {}};
    pending_.status = frame.payload;
    pending_.done = true;
}

void AgentLink::take_event(const Frame& frame, SteadyTime at) {
    auto write = parse_write_event(frame.payload);
    if (!write || writes_.size() >= kMaxWrites) {
        logger(LogLayer::guest)
            .warn("ignored an event: {}", write ? "there were too many" : one_line(write.error().message));
        return;
    }
    write->seen = at;
    writes_.push_back(std::move(*write));
    signal_news();
}

void AgentLink::signal_news() { add_to_eventfd(news_.get()); }

// --- callers' threads ---

void AgentLink::note(const Frame& frame, SteadyTime at, bool sent) {
    if (!transcript_) return;
    const std::lock_guard lock(transcript_mutex_);
    transcript_({at, sent, frame});
}

// Returns true as soon as `done()` is true, false at the deadline.
Result<bool> AgentLink::wait(std::unique_lock<std::mutex>& lock, Deadline deadline, const std::function<bool()>& done) {
    while (!done()) {
        if (closed_) return std::unexpected(channel_gone());
        if (stop_request().requested()) return std::unexpected(stop_request().error());
        if (deadline.expired()) return false;
        changed_.wait_until(lock, deadline.earlier(Deadline::after(milliseconds(50))).at());
    }
    return true;
}

Status AgentLink::send(const Frame& frame, std::string_view lead_in, Deadline deadline) {
    note(frame, std::chrono::steady_clock::now(), true);
    std::string bytes(lead_in);
    Frame carried = frame;
    // Empty lines mean nothing, but they change the frame's length and CRCs.
    while (!can_be_carried(encode_frame(carried)) && carried.payload.size() < kMaxPayload) carried.payload += '\n';
    bytes += encode_frame(carried);
    auto sent = write_all(socket_.get(), bytes, deadline);
    if (sent || sent.error().fault == Fault::interrupted) return sent;
    const std::lock_guard lock(mutex_);
    return closed_ ? std::unexpected(channel_gone()) : in_context(sent.error(), "send to the agent");
}

void AgentLink::shorten_waits_when(std::function<bool()> crashed, Duration patience) {
    const std::lock_guard lock(mutex_);
    crashed_ = std::move(crashed);
    patience_with_crashed_ = patience;
}

Result<bool> AgentLink::wait_for_reply(std::unique_lock<std::mutex>& lock, Deadline deadline) {
    for (bool crashed = false;;) {
        MEMRIG_TRY(const bool done,
                   wait(lock, deadline.earlier(Deadline::after(kGlance)), [&] { return pending_.done; }));
        if (done || deadline.expired()) return done;
        if (crashed || !crashed_ || !crashed_()) continue;
        crashed = true;
        deadline = deadline.earlier(Deadline::after(patience_with_crashed_));
    }
}

Result<std::string> AgentLink::ask(std::string_view what, const std::string& payload, Deadline deadline) {
    if (payload.size() > kMaxPayload)
        return fail(Fault::rig, "a request to the agent for {} has {} bytes; at most {} are possible", what,
                    payload.size(), kMaxPayload);
    const SteadyTime begin = std::chrono::steady_clock::now();
    MEMRIG_TRY(const auto turn, Turn::take(*this, what, deadline));
    std::unique_lock lock(mutex_);
    const Frame frame{FrameType::request, pending_.id, 0, payload};
    lock.unlock();
    logger(LogLayer::guest).debug("request {}: asks for {}", frame.id, what);
    MEMRIG_CHECK(send(frame, {}, deadline));
    lock.lock();
    MEMRIG_TRY(const bool done, wait_for_reply(lock, deadline));
    if (!done) logger(LogLayer::guest).debug("request {}: no reply", frame.id);
    if (!done)
        return fail(Fault::guest, "the agent did not answer within {:.1f} s (asked for {})",
                    seconds(std::chrono::steady_clock::now() - begin), what);
    if (pending_.broken) return std::unexpected(*pending_.broken);
    MEMRIG_CHECK(parse_status(pending_.status));
    std::string text = std::move(pending_.text);
    const bool deflated = pending_.deflated;
    lock.unlock();
    logger(LogLayer::guest)
        .debug("request {}: {} bytes after {:.3f} s", frame.id, text.size(),
               seconds(std::chrono::steady_clock::now() - begin));
    return deflated ? inflate_reply(text) : text;
}

Result<AgentHello> AgentLink::hello(Deadline deadline) {
    MEMRIG_TRY(const auto turn, Turn::take(*this, "a greeting", deadline));
    std::unique_lock lock(mutex_);
    const Frame frame{FrameType::request, pending_.id, 0, "verb=hello\n"};
    bool done = greeting_.has_value();
    while (!done) {
        if (deadline.expired()) {
            if (foreign_version_ != 0)
                return fail(Fault::rig, "the agent speaks version {} of the protocol, memrig {}", foreign_version_,
                            kProtocolVersion);
            return fail(Fault::guest, "the agent did not greet in time");
        }
        lock.unlock();
        MEMRIG_CHECK(send(frame, kLeadIn, deadline));
        lock.lock();
        MEMRIG_TRY(done, wait(lock, deadline.earlier(Deadline::after(kHelloInterval)),
                              [&] { return pending_.done || greeting_.has_value(); }));
    }
    const std::string payload = pending_.done ? pending_.status : *greeting_;
    greeting_.reset();
    lock.unlock();
    return parse_hello(payload);
}

std::vector<WriterReport> AgentLink::writes() {
    const std::lock_guard lock(mutex_);
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(news_.get(), &count, sizeof count);
    return writes_;
}

Result<bool> AgentLink::wait_writes(std::size_t seen, Deadline deadline) {
    std::unique_lock lock(mutex_);
    return wait(lock, deadline, [&] { return writes_.size() > seen; });
}

}  // namespace memrig
