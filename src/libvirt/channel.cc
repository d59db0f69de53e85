#include "libvirt/channel.h"

#include <array>
#include <chrono>
#include <memory>
#include <thread>

#include <sys/socket.h>

namespace memrig {

namespace {

// Read at once by ConsoleLog and AgentLink, whatever they do with it.
constexpr auto kReaderPatience = std::chrono::hours(1);

struct Pipe {
    Connection connection;
    Stream stream;
    Descriptor socket;  // our end
};

void carry_from_guest(const std::shared_ptr<Pipe>& pipe) {
    std::array<char, 65536> buffer{};
    for (;;) {
        const int got = virStreamRecv(pipe->stream.get(), buffer.data(), buffer.size());
        if (got <= 0) break;
        if (!write_all(pipe->socket.get(), {buffer.data(), static_cast<std::size_t>(got)},
                       Deadline::after(kReaderPatience)))
            break;
    }
    ::shutdown(pipe->socket.get(), SHUT_RDWR);
}

void carry_to_guest(const std::shared_ptr<Pipe>& pipe) {
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto got = read_some(pipe->socket.get(), buffer);
        if (!got || *got == 0) break;
        for (std::size_t sent = 0; sent < *got;) {
            const int n = virStreamSend(pipe->stream.get(), buffer.data() + sent, *got - sent);
            if (n < 0) return;
            sent += static_cast<std::size_t>(n);
        }
    }
    virStreamAbort(pipe->stream.get());
}

}  // namespace

Result<Descriptor> open_channel(const Connection& connection, virDomainPtr domain, const std::string& alias) {
    Stream stream(virStreamNew(connection.get(), 0));
    if (!stream) return std::unexpected(libvirt_error(Fault::rig, "a stream of libvirt"));
    if (virDomainOpenConsole(domain, alias.c_str(), stream.get(), VIR_DOMAIN_CONSOLE_FORCE) < 0)
        return std::unexpected(libvirt_error(Fault::rig, "open the domain's " + alias));
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno(Fault::host, "make a pair of sockets");
    Descriptor theirs(ends[1]);
    const auto pipe = std::make_shared<Pipe>(connection, std::move(stream), Descriptor(ends[0]));
    std::thread(carry_from_guest, pipe).detach();
    std::thread(carry_to_guest, pipe).detach();
    return theirs;
}

}  // namespace memrig
