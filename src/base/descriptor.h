// File descriptors that close themselves, and the waits on them.
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

// Connects to a UNIX stream socket. Waits for its path to appear, until the deadline; a path that nobody listens on is an error
// at once.
Result<Descriptor> connect_unix(const std::string& path, Deadline deadline);

// Creates, binds and listens on a UNIX stream socket at `path`, close-on-exec; the caller passes it to a child.
Result<Descriptor> listen_unix(const std::string& path);

enum class Wait { ready, expired };

// Waits until `fd` can be read. Fails with Fault::interrupted as soon as the user asks to stop.
Result<Wait> wait_readable(int fd, Deadline deadline);

// Writes all of `data`, waiting where the peer is slow.
Status write_all(int fd, std::string_view data, Deadline deadline);

// Reads what is there, at most `buffer.size()`, without waiting first. 0 is the end of the stream.
Result<std::size_t> read_some(int fd, std::span<char> buffer);

}  // namespace memrig
