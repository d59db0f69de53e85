// A guest under QEMU with nothing between the test and its sockets: for tests of the agent alone, below the machine
// layer.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/process.h"
#include "guest/agent_link.h"

namespace memrig {

using json = nlohmann::json;

// A boot takes seconds on an idle host, and may take many times that beside other tests.
inline Deadline patience() { return Deadline::after(std::chrono::seconds(240)); }

// Just enough QMP for these tests: one command at a time, events skipped but for the one waited for.
class Monitor {
public:
    void open(Descriptor socket) {
        socket_ = std::move(socket);
        next();
        command("qmp_capabilities");
    }
    json command(const std::string& name, const json& arguments = json::object()) {
        const json request = {{"execute", name}, {"arguments", arguments}};
        EXPECT_TRUE(write_all(socket_.get(), request.dump() + "\n", patience()));
        for (;;) {
            json answer = next();
            if (answer.contains("event")) continue;
            EXPECT_TRUE(answer.contains("return")) << name << ": " << answer.dump();
            return answer;
        }
    }
    void wait_migration() {
        for (json message = next(); !message.is_null(); message = next()) {
            if (message.value("event", "") != "MIGRATION") continue;
            if (message["data"]["status"] == "completed") return;
            if (message["data"]["status"] == "failed") break;
        }
        ADD_FAILURE() << "QEMU did not save or restore the guest";
    }

private:
    json next() {
        for (;;) {
            if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
                json message = json::parse(text_.substr(0, end));
                text_.erase(0, end + 1);
                return message;
            }
            char buffer[4096];
            const auto wait = wait_readable(socket_.get(), patience());
            if (!wait || *wait != Wait::ready) break;
            const auto n = read_some(socket_.get(), buffer);
            if (!n || *n == 0) break;
            text_.append(buffer, *n);
        }
        ADD_FAILURE() << "QMP fell silent";
        return nullptr;
    }
    Descriptor socket_;
    std::string text_;
};

class Guest {
public:
    Guest(const fs::path& kernel, const fs::path& initramfs, std::vector<std::string> more = {}) {
        auto work = TemporaryDirectory::make("agent-test");
        EXPECT_TRUE(work);
        work_.emplace(std::move(*work));
        SpawnOptions options;
        // QEMU gets sockets that listen already: its own would refuse clients between bind() and listen().
        // Why the monitor waits: see connect_qmp().
        std::vector<Descriptor> listeners;
        const auto serve = [&](const std::string& name, const char* wait = "off") {
            auto listener = listen_unix(path(name));
            EXPECT_TRUE(listener) << listener.error().message;
            const int number = 3 + static_cast<int>(listeners.size());
            options.inherit.emplace_back(listener->get(), number);
            listeners.push_back(std::move(*listener));
            return fmt::format("socket,id={},fd={},server=on,wait={}", name, number, wait);
        };
        options.argv = {"qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-smp", "3", "-m",
                        "512M,slots=16,maxmem=16G", "-nodefaults", "-no-reboot", "-display", "none", "-chardev",
                        serve("console"), "-serial", "chardev:console", "-chardev", serve("agent"), "-serial",
                        "chardev:agent", "-chardev", serve("qmp", "on"), "-mon", "chardev=qmp,mode=control", "-kernel",
                        kernel.string(), "-initrd", initramfs.string(), "-append",
                        // Without no_timer_check a busy host makes the kernel panic in check_timer().
                        "console=ttyS0 quiet panic=-1 isolcpus=domain,0 nohz=off memhp_default_state=offline "
                        "no_timer_check memrig.link=ttyS1"};
        options.argv.insert(options.argv.end(), more.begin(), more.end());
        options.output = work_->path() / "qemu.log";
        auto qemu = Process::spawn(options);
        EXPECT_TRUE(qemu) << qemu.error().message;
        qemu_.emplace(std::move(*qemu));
        drain_ = std::thread([this, console = connect_unix(path("console"), patience())]() mutable {
            if (console) drain(*console);
        });
        agent_ = connect("agent");
        monitor.open(connect("qmp"));
    }
    ~Guest() {
        link.reset();
        qemu_->kill();
        drain_.join();
        if (::testing::Test::HasFailure()) std::fprintf(stderr, "console:\n%s\n", console().c_str());
    }

    Descriptor connect(const std::string& name) {
        auto socket = connect_unix(path(name), patience());
        EXPECT_TRUE(socket) << socket.error().message;
        return socket ? std::move(*socket) : Descriptor();
    }
    // Puts the link in place; before that the line is the test's own.
    void open_link() { link = AgentLink::open(std::move(agent_)).value(); }
    int line() const { return agent_.get(); }
    std::string console() {
        const std::lock_guard lock(mutex_);
        return console_;
    }
    Result<std::optional<ExitStatus>> wait_end() { return qemu_->wait(patience()); }
    std::string path(const std::string& name) const { return (work_->path() / name).string(); }

    Monitor monitor;
    std::unique_ptr<AgentLink> link;

private:
    void drain(const Descriptor& socket) {
        char buffer[4096];
        for (;;) {
            const auto n = read_some(socket.get(), buffer);
            if (!n || *n == 0) return;
            const std::lock_guard lock(mutex_);
            console_.append(buffer, *n);
        }
    }
    std::optional<TemporaryDirectory> work_;
    std::optional<Process> qemu_;
    Descriptor agent_;
    std::mutex mutex_;
    std::string console_;
    std::thread drain_;
};

}  // namespace memrig
