#include "probe/gdb_session.h"

#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>

#include "base/log.h"
#include "base/stop_request.h"
#include "base/text.h"

namespace memrig {

namespace {

constexpr std::size_t kMaxTranscript = 200'000;

}  // namespace

void GdbSession::note(bool sent, std::string_view text) {
    if (auto& log = logger(LogLayer::probe); log.should_log(spdlog::level::debug))
        log.debug("{} {}", sent ? "->" : "<-", one_line(text.substr(0, 256)));
    if (transcript_.size() < kMaxTranscript)
        transcript_.push_back({steady_clock().now(), sent, std::string(text.substr(0, 256))});
}

void GdbSession::queue(std::string_view payload) {
    note(true, payload);
    outgoing_ += encode_packet(payload);
}

Status GdbSession::send(std::string_view bytes) { return write_all(socket_.get(), bytes, patience()); }

Status GdbSession::interrupt() {
    note(true, "<interrupt>");
    return send("\x03");
}

Status GdbSession::flush() { return send(std::exchange(outgoing_, {})); }

Result<std::optional<std::string>> GdbSession::receive(Deadline deadline, int wake) {
    std::array<char, 16384> buffer{};
    for (;;) {
        MEMRIG_TRY(auto packet, decoder_.next());
        if (packet) {
            note(false, *packet);
            outgoing_.insert(outgoing_.begin(), '+');  // goes out with what we send next; the stub does not wait for it
            return packet;
        }
        pollfd fds[] = {{socket_.get(), POLLIN, 0}, {stop_request().descriptor(), POLLIN, 0}, {wake, POLLIN, 0}};
        const int n = ::poll(fds, 3, deadline.poll_ms());
        if (n < 0 && errno != EINTR) return fail_errno(Fault::host, "poll");
        if (n > 0 && fds[1].revents != 0) return std::unexpected(stop_request().error());
        if (n > 0 && fds[0].revents != 0) {
            MEMRIG_TRY(const std::size_t got, read_some(socket_.get(), buffer));
            if (got == 0) return fail(Fault::rig, "QEMU closed the gdbstub's socket");
            decoder_.feed({buffer.data(), got});
        } else if ((n > 0 && fds[2].revents != 0) || deadline.expired()) {
            return std::nullopt;
        }
    }
}

Result<std::string> GdbSession::reply() {
    MEMRIG_CHECK(take_oks());
    MEMRIG_TRY(auto packet, receive(patience(), -1));
    if (!packet) return fail(Fault::rig, "the gdbstub does not answer");
    return *std::move(packet);
}

void GdbSession::queue_for_ok(std::string payload) {
    queue(payload);
    awaiting_ok_.push_back(std::move(payload));
}

Status GdbSession::take_oks() {
    for (const auto& payload : std::exchange(awaiting_ok_, {})) {
        MEMRIG_TRY(const auto packet, receive(patience(), -1));
        if (!packet) return fail(Fault::rig, "the gdbstub does not answer");
        if (*packet != "OK")
            return fail(Fault::rig, "the gdbstub answers '{}' to '{}'", packet->substr(0, 64), payload.substr(0, 64));
    }
    return {};
}

Result<std::string> GdbSession::ask(std::string_view payload) {
    queue(payload);
    MEMRIG_CHECK(flush());
    return reply();
}

Status GdbSession::ask_ok(std::string_view payload) {
    MEMRIG_TRY(const std::string answer, ask(payload));
    if (answer != "OK")
        return fail(Fault::rig, "the gdbstub answers '{}' to '{}'", answer.substr(0, 64), payload.substr(0, 64));
    return {};
}

}  // namespace memrig
