// A virtio-mem device: what QEMU is asked for, and what is made of its answers.
#include <gtest/gtest.h>

#include "hotplug/virtio_mem.h"
#include "qmp/fake_qmp_client.h"

namespace memrig {
namespace {

constexpr std::uint64_t kVirtioMemBlock = 128ull << 20;

class VirtioMemTest : public ::testing::Test {
protected:
    void expect_device(std::uint64_t address = 32 * kVirtioMemBlock) {
        qmp.expect("query-memory-devices")
            .reply({{{"type", "dimm"}, {"data", {{"id", "dimm0"}}}},
                    {{"type", "virtio-mem"}, {"data", {{"id", "vmem0"}, {"memaddr", address}, {"size", 0}}}}});
    }
    Result<BlockRange> request(std::uint64_t bytes) {
        return request_virtio_mem(qmp, nullptr, bytes, kVirtioMemBlock, Deadline::after(std::chrono::seconds(1)));
    }
    void TearDown() override { EXPECT_EQ(qmp.mistakes(), std::vector<std::string>{}); }
    FakeQmpClient qmp;
};

TEST_F(VirtioMemTest, TheBlocksFollowFromWhereItIs) {
    expect_device();
    qmp.expect("qom-set").with(
        {{"path", "/machine/peripheral/vmem0"}, {"property", "requested-size"}, {"value", 2 * kVirtioMemBlock}});
    const auto blocks = request(2 * kVirtioMemBlock);
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->first, 32u);
    EXPECT_EQ(blocks->last, 33u);
}

class PlugsVirtioMem : public VirtioMemTest {
protected:
    Result<BlockRange> plug() {
        return plug_virtio_mem(qmp, nullptr, {"vmem0", "mem-adder", 8 * kVirtioMemBlock, 2 * kVirtioMemBlock, 1},
                               kVirtioMemBlock, Deadline::after(std::chrono::seconds(1)));
    }
    void expect_backend() {
        qmp.expect("object-add")
            .with({{"qom-type", "memory-backend-ram"}, {"id", "mem-adder"}, {"size", 8 * kVirtioMemBlock}});
    }
};

TEST_F(PlugsVirtioMem, IntoTheRootPortAskedForMemoryAtOnce) {
    expect_backend();
    qmp.expect("device_add")
        .with({{"driver", "virtio-mem-pci"},
               {"id", "vmem0"},
               {"memdev", "mem-adder"},
               {"node", 1},
               {"requested-size", 2 * kVirtioMemBlock},
               {"bus", "plug"}});
    expect_device();
    const auto blocks = plug();
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->first, 32u);
    EXPECT_EQ(blocks->last, 33u);
}

TEST_F(PlugsVirtioMem, NoPortIsTheUsersInput) {
    expect_backend();
    qmp.expect("device_add").refuse("GenericError", "Bus 'plug' not found");
    const auto blocks = plug();
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::user_input);
}

TEST_F(VirtioMemTest, ABenchWithoutOneIsTheUsersInput) {
    qmp.expect("query-memory-devices").reply(nlohmann::json::array());
    const auto blocks = request(kVirtioMemBlock);
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::user_input);
}

TEST_F(VirtioMemTest, HalfABlockIsTheUsersInput) {
    expect_device();
    EXPECT_EQ(request(kVirtioMemBlock / 2).error().fault, Fault::user_input);
}

TEST_F(VirtioMemTest, WhatQemuRefusesIsTheUsersInput) {
    expect_device();
    qmp.expect("qom-set").refuse("GenericError", "too much");
    const auto blocks = request(64 * kVirtioMemBlock);
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::user_input);
    EXPECT_NE(blocks.error().message.find("too much"), std::string::npos);
}

TEST(GivenUp, TheDriverSaysSoOnTheConsole) {
    EXPECT_EQ(given_up("[    1.0] Run /init\r\n[    8.1] virtio_mem virtio0: unknown error, marking device broken: "
                       "-17\r\n[    8.2] more\r\n"),
              "virtio_mem virtio0: unknown error, marking device broken: -17");
    EXPECT_EQ(given_up("[    8.1] another_driver: marking device broken\n"), "");
    EXPECT_EQ(given_up("[    8.1] virtio_mem virtio0: unknown error, marking device broken: -1"), "") << "half a line";
    EXPECT_EQ(given_up("[    8.1] virtio_mem virtio0: adding memory failed: -12\n"), "");
    EXPECT_EQ(given_up(""), "");
}

}  // namespace
}  // namespace memrig
