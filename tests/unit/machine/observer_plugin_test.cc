// The plugin that a QEMU takes, and places of guest memory in QEMU's process, with a make-believe QEMU.
#include "machine/observer_plugin.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "qmp/fake_qmp_client.h"

namespace memrig {
namespace {

class ObserverPluginTest : public testing::Test {
protected:
    // A QEMU that notes its arguments, and does `what`.
    Emulator qemu(const std::string& what) {
        const fs::path program = directory.path() / fmt::format("qemu-{}", ++made);
        EXPECT_TRUE(write_file(program, fmt::format("#!/bin/sh\necho \"$LIBRARIES $*\" >> {}\n{}\n",
                                                    (directory.path() / "calls").string(), what)));
        fs::permissions(program, fs::perms::owner_all);
        return {program.string(), "id", {}, {"LIBRARIES=there"}, {}};
    }
    std::string calls() { return read_file(directory.path() / "calls").value_or(""); }

    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    int made = 0;
};

TEST_F(ObserverPluginTest, TheNewestThatIsTaken) {
    const auto plugin = find_observer_plugin(qemu("exit 0"));
    ASSERT_TRUE(plugin) << plugin.error().line();
    EXPECT_EQ(plugin->filename(), "memrig-observer-4.so");
    EXPECT_TRUE(fs::exists(*plugin));
    EXPECT_EQ(calls(),
              fmt::format("there -M none -nodefaults -display none -qmp stdio -plugin file={}\n", plugin->string()));
}

TEST_F(ObserverPluginTest, AnOlderOneIfTheNewestIsRefused) {
    const Emulator old = qemu("case \"$*\" in *observer-4*) echo too new >&2; exit 1;; esac");
    const auto plugin = find_observer_plugin(old);
    ASSERT_TRUE(plugin) << plugin.error().line();
    EXPECT_EQ(plugin->filename(), "memrig-observer-1.so");
    ASSERT_TRUE(find_observer_plugin(old));
    const std::string all = calls();
    EXPECT_EQ(std::ranges::count(all, '\n'), 2) << "it is tried out once";
}

TEST_F(ObserverPluginTest, NoneIsTheHostsFaultWithTheReason) {
    const Emulator without = qemu("echo '-plugin: invalid option' >&2; exit 1");
    const auto plugin = find_observer_plugin(without);
    ASSERT_FALSE(plugin);
    EXPECT_EQ(plugin.error().fault, Fault::host);
    EXPECT_EQ(plugin.error().message, without.program + " does not take the observer: -plugin: invalid option");
}

constexpr std::uint64_t kAddress = 0xffffffff81b04ff8;

nlohmann::json asks(const char* line) { return {{"command-line", line}, {"cpu-index", 0}}; }

TEST(HostAddress, IsWhatTheMonitorSays) {
    FakeQmpClient qmp;
    qmp.expect("human-monitor-command").with(asks("gva2gpa 0xffffffff81b04ff8")).reply("gpa: 0x1b04ff8\r\n");
    qmp.expect("human-monitor-command")
        .with(asks("gpa2hva 0x1b04ff8"))
        .reply("Host virtual address for 0x1b04ff8 (pc.ram is 0x) is 0x7f0001b04ff8\r\n");
    const auto host = host_address_of(qmp, 1, kAddress, 8, Deadline::after(std::chrono::seconds(1)));
    ASSERT_TRUE(host) << host.error().line();
    EXPECT_EQ(*host, 0x7f0001b04ff8);
    EXPECT_TRUE(qmp.mistakes().empty());
}

TEST(HostAddress, MemoryOverTwoPagesIsInOnePiece) {
    for (const char* last : {"is 0x7f0001b05007", "is 0x7f0009b05007"}) {
        FakeQmpClient qmp;
        qmp.expect("human-monitor-command").reply("gpa: 0x1b04ff8");
        qmp.expect("human-monitor-command").reply("Host virtual address for 0x1b04ff8 (pc.ram) is 0x7f0001b04ff8");
        qmp.expect("human-monitor-command").with(asks("gva2gpa 0xffffffff81b05007")).reply("gpa: 0x1b05007");
        qmp.expect("human-monitor-command").reply(fmt::format("Host virtual address for 0x1b05007 (pc.ram) {}", last));
        const auto host = host_address_of(qmp, 1, kAddress, 16, Deadline::after(std::chrono::seconds(1)));
        EXPECT_EQ(host.has_value(), std::string(last) == "is 0x7f0001b05007");
        if (!host) {
            EXPECT_EQ(host.error().message, "the 16 bytes at 0xffffffff81b04ff8 of the guest are not in one piece");
        }
        EXPECT_TRUE(qmp.mistakes().empty());
    }
}

TEST(HostAddress, WhatIsNotThereIsAFaultOfTheRig) {
    for (const nlohmann::json& answer : {nlohmann::json("Unmapped\r\n"), nlohmann::json("gpa: 0x"), nlohmann::json(""),
                                         nlohmann::json(7), nlohmann::json("gpa: 0xfffffffffffffffff")}) {
        FakeQmpClient qmp;
        qmp.expect("human-monitor-command").reply(answer);
        const auto host = host_address_of(qmp, 1, kAddress, 8, Deadline::after(std::chrono::seconds(1)));
        ASSERT_FALSE(host);
        EXPECT_EQ(host.error().fault, Fault::rig);
    }
    FakeQmpClient refusing;
    refusing.expect("human-monitor-command").refuse("CommandNotFound", "no such command");
    const auto host = host_address_of(refusing, 1, kAddress, 8, Deadline::after(std::chrono::seconds(1)));
    ASSERT_FALSE(host);
    EXPECT_NE(host.error().message.find("gva2gpa"), std::string::npos) << host.error().message;
}

}  // namespace
}  // namespace memrig
