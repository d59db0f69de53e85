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

// Only a last resort: ConsoleLog and AgentLink read all bytes at once.
constexpr auto kReaderPatience = std::chrono::hours(1);
// The interval between checks of the connection: libvirt's client does not end a stream when its connection is lost.
constexpr auto kLookAfterConnection = std::chrono::seconds(1);
constexpr int kNothingYet = -2;  // returned by virStreamRecv()

// The stream must not block. A blocking virStreamRecv() releases the stream before it begins to wait
// (virNetClientStreamRecvPacket). If another thread reads from the connection, data may come in that gap, and
// virStreamRecv() then waits for data that is already there.
struct Pipe {
    Connection connection;
    Stream stream;
    Descriptor socket;  // our end
    const std::shared_ptr<OneShot<bool>> ended = std::make_shared<OneShot<bool>>();

    std::mutex mutex;
    std::condition_variable changed;
    bool readable = false;
    bool let_go = false;  // the reader of our socket has closed it

    Pipe(Connection of, Stream made, Descriptor end)
        : connection(std::move(of)), stream(std::move(made)), socket(std::move(end)) {}
};

using SharedPipe = std::shared_ptr<Pipe>;
// The reference that libvirt's event callback holds. It is weak because libvirt 9.0 does not always free it
// (virStreamEventRemoveCallback()), and it must not keep the connection open.
using WeakPipe = std::weak_ptr<Pipe>;

// Runs on libvirt's event loop. Turns the event off until await_more() asks for the next one.
void on_event(virStreamPtr stream, int, void* opaque) {
    virStreamEventUpdateCallback(stream, 0);
    const SharedPipe pipe = static_cast<WeakPipe*>(opaque)->lock();
    if (!pipe) return;
    const std::lock_guard guard(pipe->mutex);
    pipe->readable = true;
    pipe->changed.notify_all();
}

// Waits for more data. Returns false if none will come.
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

// Carries both ways. This thread ends the stream, once the other one no longer uses it.
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
    if (!stream) return std::unexpected(libvirt_error(Fault::rig, "open a libvirt stream"));
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
        return std::unexpected(libvirt_error(Fault::rig, "watch the domain's " + alias));
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
