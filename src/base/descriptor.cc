#include "base/descriptor.h"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/stop_request.h"

namespace memrig {

void Descriptor::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

namespace {

Result<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(Fault::host, "the socket path {} is longer than {} characters", path, sizeof address.sun_path - 1);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

// Waits for `events` on `fd`, or for the user's request to stop.
Result<Wait> wait_for(int fd, short events, Deadline deadline) {
    for (;;) {
        pollfd fds[] = {{fd, events, 0}, {stop_request().descriptor(), POLLIN, 0}};
        const int n = ::poll(fds, 2, deadline.poll_ms());
        if (n < 0 && errno != EINTR) return fail_errno(Fault::host, "poll");
        if (n > 0 && fds[1].revents != 0) return std::unexpected(stop_request().error());
        if (n > 0 && fds[0].revents != 0) return Wait::ready;
        if (deadline.expired()) return Wait::expired;
    }
}

}  // namespace

Result<Descriptor> connect_unix(const std::string& path, Deadline deadline) {
    MEMRIG_TRY(const sockaddr_un address, unix_address(path));
    for (;;) {
        Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!socket.valid()) return fail_errno(Fault::host, "make a socket");
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
        if ((errno != ENOENT && errno != EINTR && errno != EAGAIN) || deadline.expired())
            return fail_errno(Fault::rig, "connect to " + path);
        // Another process creates the path, and nothing signals that, so it is polled.
        MEMRIG_CHECK(wait_for(-1, 0, Deadline::after(std::chrono::milliseconds(2)).earlier(deadline)));
    }
}

Result<Descriptor> listen_unix(const std::string& path) {
    MEMRIG_TRY(const sockaddr_un address, unix_address(path));
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_errno(Fault::host, "make a socket");
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail_errno(Fault::host, "bind " + path);
    if (::listen(socket.get(), 1) != 0) return fail_errno(Fault::host, "listen on " + path);
    return socket;
}

Result<Wait> wait_readable(int fd, Deadline deadline) { return wait_for(fd, POLLIN, deadline); }

Status write_all(int fd, std::string_view data, Deadline deadline) {
    while (!data.empty()) {
        const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            data.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && errno == EAGAIN) {
            MEMRIG_TRY(const Wait wait, wait_for(fd, POLLOUT, deadline));
            if (wait == Wait::expired) return fail(Fault::rig, "the peer does not read what we send");
        } else if (n < 0 && errno != EINTR) {
            return fail_errno(Fault::rig, "write to a socket");
        }
    }
    return {};
}

Result<std::size_t> read_some(int fd, std::span<char> buffer) {
    for (;;) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno == ECONNRESET) return std::size_t{0};
        if (errno != EINTR) return fail_errno(Fault::rig, "read from a descriptor");
    }
}

}  // namespace memrig
