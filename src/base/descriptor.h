// Owns file descriptors, connects UNIX sockets, and waits for both with a deadline.
// Every wait ends with Fault::interrupted as soon as the user asks to stop.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

// Owns one descriptor. Movable, not copyable.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    void close();
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

// Connects to a UNIX stream socket. Waits until the deadline for `path` to appear. Fails at once with Fault::rig if the
// path exists but nobody listens on it.
Result<Descriptor> connect_unix(const std::string& path, Deadline deadline);

// Creates a UNIX stream socket at `path` and listens on it. It is close-on-exec: the caller passes it to a child.
Result<Descriptor> listen_unix(const std::string& path);

enum class Wait { ready, expired };

// Waits until `fd` can be read.
Result<Wait> wait_readable(int fd, Deadline deadline);

// Writes all of `data` to the socket `fd`. Waits while the peer is slow; Fault::rig if it does not read in time.
Status write_all(int fd, std::string_view data, Deadline deadline);

// Calls read(2) once, for at most `buffer.size()` bytes. Returns 0 at the end of the stream, also after a reset.
Result<std::size_t> read_some(int fd, std::span<char> buffer);

}  // namespace memrig
