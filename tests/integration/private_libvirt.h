// A libvirtd of the test's own: without systemd, in a mount namespace in which all that it keeps is forgotten with the
// test.
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/process.h"
#include "private_mounts.h"

namespace memrig {

// Makes a directory of those QEMUs that the tests use: libvirt asks all that it finds what they can do.
inline std::string few_emulators(const fs::path& directory) {
    fs::create_directories(directory);
    for (const char* name : {"qemu-system-x86_64", "qemu-system-ppc64", "qemu-system-aarch64"}) {
        const auto program = find_program(name);
        std::error_code code;
        if (program) fs::create_symlink(*program, directory / name, code);
    }
    return directory.string();
}

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
        open_kvm();
        // libvirt-daemon-system would have made them.
        add_line("/etc/passwd", "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin");
        add_line("/etc/group", "libvirt-qemu:x:64055:");
        EXPECT_TRUE(write_file("/etc/libvirt/libvirtd.conf", "auth_unix_rw = \"none\"\nunix_sock_group = \"root\"\n"));
        start();
    }

    // Its QEMUs run as `user`.
    void start(const std::string& user = "root") {
        EXPECT_TRUE(write_file("/etc/libvirt/qemu.conf",
                               "user = \"" + user + "\"\ngroup = \"" + user + "\"\n" +
                                   "dynamic_ownership = 0\nremember_owner = 0\nsecurity_driver = \"none\"\n"
                                   "cgroup_controllers = []\nnamespaces = []\nstdio_handler = \"file\"\n"));
        SpawnOptions options;
        options.argv = {find_program("libvirtd").value_or("libvirtd").string(), "--config",
                        "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/libvirtd.pid"};
        options.output = log();
        options.environment = {"PATH=" + few_emulators("/run/libvirt/emulators")};
        auto daemon = Process::spawn(options);
        ASSERT_TRUE(daemon) << daemon.error().line();
        daemon_.emplace(std::move(*daemon));
        // A connection is served when its drivers are ready.
        const Deadline patience = Deadline::after(std::chrono::minutes(5));
        bool ended = false;
        while (!connect_unix(kSocket, Deadline::after(std::chrono::milliseconds(20))) && !ended &&
               !patience.expired()) {
            const auto looked = daemon_->wait(Deadline::after(std::chrono::milliseconds(20)));
            ended = !looked || *looked;
        }
        ASSERT_TRUE(!ended && !patience.expired()) << read_file(log()).value_or("");
    }
    // Without a chance to clean up behind itself.
    void kill() {
        daemon_.reset();
        std::error_code code;
        fs::remove(kSocket, code);
    }

    // It says nothing any more, until it is woken.
    void stop() { ::kill(daemon_->pid(), SIGSTOP); }
    void wake() { ::kill(daemon_->pid(), SIGCONT); }

    [[nodiscard]] std::string log_text() const { return read_file(log()).value_or(""); }
    [[nodiscard]] const fs::path& work() const { return work_.path(); }

private:
    // libvirt asks every QEMU anew before each domain where KVM is there, but not for QEMU's user
    // (virQEMUCapsIsValid()): here it is for everybody.
    static void open_kvm() {
        struct stat kvm{};
        if (::stat("/dev/kvm", &kvm) != 0) return;
        const char* copy = "/run/libvirt/kvm";
        if (::mknod(copy, S_IFCHR | 0666, kvm.st_rdev) != 0 || ::chmod(copy, 0666) != 0) return;
        EXPECT_EQ(::mount(copy, "/dev/kvm", nullptr, MS_BIND, nullptr), 0) << std::strerror(errno);
    }
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
