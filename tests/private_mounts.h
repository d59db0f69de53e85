// A mount namespace of the test's own: what is mounted there is seen by nobody else, and gone with the test.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include <fmt/format.h>

namespace memrig::test {

// Moves the whole process there, which must have no second thread. A process without the right to do so becomes root of
// a user namespace, unless it has to be root. Returns the reason of a failure, or "".
inline std::string enter_private_mounts(bool has_to_be_root = false) {
    const std::string uid = fmt::format("0 {} 1", ::getuid()), gid = fmt::format("0 {} 1", ::getgid());
    if (::unshare(CLONE_NEWNS) != 0) {
        if (has_to_be_root || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return std::string("no namespace of its own: ") + std::strerror(errno);
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/uid_map") << uid;
        std::ofstream("/proc/self/gid_map") << gid;
    }
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return std::string("its mounts cannot be made private: ") + std::strerror(errno);
    return "";
}

}  // namespace memrig::test
