// Hosts with a libvirtd each, that a test makes on this one: network, process and mount namespaces, reached by qemu+tls
// alone.
#pragma once

#include <arpa/inet.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "private_mounts.h"

namespace memrig {

// The network that they are in. One for a process.
class HostNetwork {
public:
    static constexpr unsigned kMost = 3;
    // Before any thread is started. Why there can be none: not root, or a container that allows no namespaces.
    static std::string obstacle() {
        if (::geteuid() != 0) return "only root can make hosts of its own";
        if (std::string none = test::enter_private_mounts(true); !none.empty()) return none;
        if (::unshare(CLONE_NEWNET) != 0) return std::string("no network of its own: ") + std::strerror(errno);
        // `ip netns` keeps its names there.
        if (::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0)
            return std::string("no /run of its own: ") + std::strerror(errno);
        return "";
    }
    static std::string address(unsigned number) { return fmt::format("10.77.{}.2", number); }

    HostNetwork() : work_(TemporaryDirectory::make("libvirt-hosts").value()) {
        fs::create_directory(pki());
        std::vector<std::string> argv = {script("libvirt_pki.sh"), pki().string()};
        for (unsigned number = 1; number <= kMost; ++number) argv.push_back(address(number));
        SpawnOptions options;
        options.argv = std::move(argv);
        options.output = work() / "pki.log";
        auto made = Process::spawn(options);
        EXPECT_TRUE(made) << made.error().line();
        const auto ended = made->wait(Deadline::after(std::chrono::minutes(5)));
        EXPECT_TRUE(ended && *ended && (*ended)->success()) << read_file(options.output).value_or("");
    }
    static std::string script(const std::string& name) {
        return (fs::path(MEMRIG_TEST_DATA) / "integration" / name).string();
    }
    [[nodiscard]] const fs::path& work() const { return work_.path(); }
    [[nodiscard]] fs::path pki() const { return work() / "pki"; }

private:
    TemporaryDirectory work_;
};

class LibvirtHost {
public:
    // REQUIRES: there is no other of that number, and none was before.
    LibvirtHost(const HostNetwork& network, unsigned number)
        : address_(HostNetwork::address(number)),
          log_(network.work() / fmt::format("host-{}.log", number)),
          uri_(fmt::format("qemu+tls://{}/system?pkipath={}", address_, network.pki().string())) {
        SpawnOptions options;
        // The other host cannot see our files: all that its guests are made of has to be sent there.
        options.argv = {HostNetwork::script("libvirt_host.sh"), std::to_string(number), network.pki().string(),
                        cache_directory().value().string(), network.work().string()};
        options.output = log_;
        auto host = Process::spawn(options);
        EXPECT_TRUE(host) << host.error().line();
        host_.emplace(std::move(*host));
        const Deadline patience = Deadline::after(std::chrono::minutes(5));
        while (!answers() && !patience.expired()) {
            const auto ended = host_->wait(Deadline::after(std::chrono::milliseconds(20)));
            if (!ended || *ended) break;
        }
        EXPECT_TRUE(answers()) << read_file(log_).value_or("");
    }

    [[nodiscard]] const std::string& uri() const { return uri_; }
    // Without a password, as nobody else is in its network.
    [[nodiscard]] std::string tcp_uri() const { return fmt::format("qemu+tcp://{}/system", address_); }
    [[nodiscard]] std::string backend() const { return "libvirt:" + uri_; }
    // As when its power fails: all that runs on it ends at once.
    void kill() { host_.reset(); }
    // Its files below /var/tmp.
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> names;
        std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", host_->pid()));
        std::string first;
        children >> first;
        for (const auto& entry : fs::directory_iterator("/proc/" + first + "/root/var/tmp"))
            names.push_back(entry.path().filename().string());
        return names;
    }
    [[nodiscard]] std::string log() const { return read_file(log_).value_or(""); }

private:
    [[nodiscard]] bool answers() const {
        constexpr std::uint16_t tls_port = 16514;
        const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(tls_port);
        ::inet_pton(AF_INET, address_.c_str(), &to.sin_addr);
        return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) ==
               0;  // NOLINT: as it wants it
    }

    std::string address_;
    fs::path log_;
    std::string uri_;
    std::optional<Process> host_;
};

}  // namespace memrig
