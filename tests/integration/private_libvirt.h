// A libvirtd of the test's own: without systemd, in a mount namespace in which all that it keeps is forgotten with the test.
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "private_mounts.h"

namespace memrig {

class PrivateLibvirt {
public:
    static constexpr const char* kSocket = "/run/libvirt/libvirt-sock";

    // Before any thread is started. Why there can be none: not root, or a container that allows no mounts.
    static std::string obstacle() {
        if (::geteuid() != 0) return "only root can start a libvirtd that serves qemu:///system";
        return test::enter_private_mounts(true);
    }

    PrivateLibvirt() : work_(TemporaryDirectory::make("libvirt-test").value()) {
        for (const char* directory :
             {"/run/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt", "/etc/libvirt"}) {
            std::error_code code;
            fs::create_directories(directory, code);
            EXPECT_EQ(::mount("tmpfs", directory, "tmpfs", 0, "mode=0755"), 0)
                << directory << ": " << std::strerror(errno);
        }
        // libvirt-daemon-system would have made them.
        add_line("/etc/passwd", "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin");
        add_line("/etc/group", "libvirt-qemu:x:64055:");
        EXPECT_TRUE(write_file("/etc/libvirt/qemu.conf",
                               "user = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\n"
                               "security_driver = \"none\"\ncgroup_controllers = []\nnamespaces = []\n"
                               "stdio_handler = \"file\"\n"));
        EXPECT_TRUE(write_file("/etc/libvirt/libvirtd.conf", "auth_unix_rw = \"none\"\nunix_sock_group = \"root\"\n"));
        start();
    }

    void start() {
        SpawnOptions options;
        options.argv = {"libvirtd", "--config", "/etc/libvirt/libvirtd.conf", "--pid-file",
                        "/run/libvirt/libvirtd.pid"};
        options.output = log();
        auto daemon = Process::spawn(options);
        ASSERT_TRUE(daemon) << daemon.error().line();
        daemon_.emplace(std::move(*daemon));
        // Its socket appears when it listens; a connection is served when its drivers are ready.
        const Deadline patience = Deadline::after(std::chrono::minutes(5));
        bool ended = false;
        while (!fs::exists(kSocket) && !ended && !patience.expired()) {
            const auto looked = daemon_->wait(Deadline::after(std::chrono::milliseconds(20)));
            ended = !looked || *looked;
        }
        ASSERT_TRUE(fs::exists(kSocket)) << read_file(log()).value_or("");
    }
    // Without a chance to clean up behind itself.
    void kill() {
        daemon_.reset();
        std::error_code code;
        fs::remove(kSocket, code);
    }

    [[nodiscard]] std::string log_text() const { return read_file(log()).value_or(""); }
    [[nodiscard]] const fs::path& work() const { return work_.path(); }

private:
    [[nodiscard]] fs::path log() const { return work_.path() / "libvirtd.log"; }
    // In a copy that is mounted over the file.
    void add_line(const std::string& file, const std::string& line) {
        const std::string text = read_file(file).value_or("");
        if (text.find(line.substr(0, line.find(':') + 1)) != std::string::npos) return;
        const fs::path copy = work_.path() / fs::path(file).filename();
        EXPECT_TRUE(write_file(copy, text + (text.ends_with('\n') ? "" : "\n") + line + "\n"));
        ::chmod(copy.c_str(), 0644);
        EXPECT_EQ(::mount(copy.c_str(), file.c_str(), nullptr, MS_BIND, nullptr), 0);
    }

    TemporaryDirectory work_;
    std::optional<Process> daemon_;
};

}  // namespace memrig
