#include "libvirt/channel.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <sys/socket.h>

namespace memrig {

namespace {

// Read at once by ConsoleLog and AgentLink, whatever they do with it.
constexpr auto kReaderPatience = std::chrono::hours(1);
// libvirt's client does not tell a stream that the connection is gone.
constexpr auto kLookAfterConnection = std::chrono::seconds(1);
constexpr int kNothingYet = -2;  // virStreamRecv()

// A stream that does not block: one that does waits for data which came while virStreamRecv() let go of the stream to begin its wait
// (virNetClientStreamRecvPacket), as soon as another thread reads from the connection.
struct Pipe {
    Connection connection;
    Stream stream;
    Descriptor socket;  // our end
    const std::shared_ptr<OneShot<bool>> ended = std::make_shared<OneShot<bool>>();

    std::mutex mutex;
    std::condition_variable changed;
    bool readable = false;
    bool let_go = false;  // by who reads our socket

    Pipe(Connection of, Stream made, Descriptor end)
        : connection(std::move(of)), stream(std::move(made)), socket(std::move(end)) {}
};

using SharedPipe = std::shared_ptr<Pipe>;
// What libvirt's event has of it. libvirt 9.0 does not always give that back (virStreamEventRemoveCallback()), and must not keep the connection open.
using WeakPipe = std::weak_ptr<Pipe>;

// On libvirt's event loop. Silent until who reads has found nothing more and asks for the next.
void on_event(virStreamPtr stream, int, void* opaque) {
    virStreamEventUpdateCallback(stream, 0);
    const SharedPipe pipe = static_cast<WeakPipe*>(opaque)->lock();
    if (!pipe) return;
    const std::lock_guard guard(pipe->mutex);
    pipe->readable = true;
    pipe->changed.notify_all();
}

// False: there will be no more.
bool await_more(Pipe& pipe) {
    if (virStreamEventUpdateCallback(pipe.stream.get(), VIR_STREAM_EVENT_READABLE) < 0) return false;
    std::unique_lock lock(pipe.mutex);
    while (!pipe.changed.wait_for(lock, kLookAfterConnection, [&pipe] { return pipe.readable || pipe.let_go; }))
        if (virConnectIsAlive(pipe.connection.get()) != 1) return false;
    pipe.readable = false;
    return !pipe.let_go;
}

void carry_from_guest(Pipe& pipe) {
    std::array<char, 65536> buffer{};
    for (;;) {
        const int got = virStreamRecv(pipe.stream.get(), buffer.data(), buffer.size());
        if (got == kNothingYet) {
            if (!await_more(pipe)) return;
            continue;
        }
        if (got <= 0 || !write_all(pipe.socket.get(), {buffer.data(), static_cast<std::size_t>(got)},
                                   Deadline::after(kReaderPatience)))
            return;
    }
}

void carry_to_guest(Pipe& pipe) {
    std::array<char, 4096> buffer{};
    for (bool open = true; open;) {
        const auto got = read_some(pipe.socket.get(), buffer);
        open = got && *got > 0;
        for (std::size_t sent = 0; open && sent < *got;) {
            const int n = virStreamSend(pipe.stream.get(), buffer.data() + sent, *got - sent);
            open = n > 0;
            sent += static_cast<std::size_t>(std::max(n, 0));
        }
    }
    const std::lock_guard guard(pipe.mutex);
    pipe.let_go = true;
    pipe.changed.notify_all();
}

// The stream is ended by one thread, when no other uses it.
void carry(const SharedPipe& pipe) {
    std::thread writer(carry_to_guest, std::ref(*pipe));
    carry_from_guest(*pipe);
    ::shutdown(pipe->socket.get(), SHUT_RDWR);
    writer.join();
    virStreamEventRemoveCallback(pipe->stream.get());
    virStreamAbort(pipe->stream.get());
    pipe->ended->set(true);
}

using Open = int (*)(virDomainPtr, const char*, virStreamPtr, unsigned);

Result<Channel> open_stream(const Connection& connection, virDomainPtr domain, const std::string& alias, Open open,
                            unsigned force) {
    Stream stream(virStreamNew(connection.get(), VIR_STREAM_NONBLOCK));
    if (!stream) return std::unexpected(libvirt_error(Fault::rig, "a stream of libvirt"));
    if (open(domain, alias.c_str(), stream.get(), force) < 0)
        return std::unexpected(libvirt_error(Fault::rig, "open the domain's " + alias));
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno(Fault::host, "make a pair of sockets");
    Descriptor theirs(ends[1]);
    const auto pipe = std::make_shared<Pipe>(connection, std::move(stream), Descriptor(ends[0]));
    auto events_own = std::make_unique<WeakPipe>(pipe);
    const auto release = [](void* opaque) { delete static_cast<WeakPipe*>(opaque); };
    if (virStreamEventAddCallback(pipe->stream.get(), 0, on_event, events_own.get(), release) < 0)
        return std::unexpected(libvirt_error(Fault::rig, "hear of the domain's " + alias));
    (void)events_own.release();
    std::thread(carry, pipe).detach();
    return Channel{std::move(theirs), pipe->ended};
}

}  // namespace

Result<Channel> open_console(const Connection& connection, virDomainPtr domain, const std::string& alias) {
    return open_stream(connection, domain, alias, virDomainOpenConsole, VIR_DOMAIN_CONSOLE_FORCE);
}

Result<Channel> open_channel(const Connection& connection, virDomainPtr domain, const std::string& alias) {
    return open_stream(connection, domain, alias, virDomainOpenChannel, VIR_DOMAIN_CHANNEL_FORCE);
}

}  // namespace memrig
