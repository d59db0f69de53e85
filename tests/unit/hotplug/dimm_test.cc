// Plugging a DIMM: what QEMU is asked for, and what is made of its answers.
#include <gtest/gtest.h>

#include "hotplug/dimm.h"
#include "qmp/fake_qmp_client.h"

namespace memrig {
namespace {

using nlohmann::json;

constexpr std::uint64_t kBlock = 128ull << 20;
constexpr std::uint64_t kGibibyte = 1ull << 30;

class DimmTest : public ::testing::Test {
protected:
    void expect_made() {
        qmp.expect("object-add").with({{"qom-type", "memory-backend-ram"}, {"id", "mem-dimm0"}, {"size", kGibibyte}});
    }
    void expect_added() {
        qmp.expect("device_add").with({{"driver", "pc-dimm"}, {"id", "dimm0"}, {"memdev", "mem-dimm0"}, {"node", 1}});
    }
    void expect_list(const json& devices) { qmp.expect("query-memory-devices").reply(devices); }
    static json dimm(const std::string& id, std::uint64_t address, std::uint64_t size = kGibibyte) {
        return {{"type", "dimm"}, {"data", {{"id", id}, {"addr", address}, {"size", size}, {"slot", 0}}}};
    }
    Result<Answer<PluggedDimm>> plug() {
        return plug_dimm(qmp, {"dimm0", "mem-dimm0", kGibibyte, 1}, Deadline::after(std::chrono::seconds(1)));
    }
    void TearDown() override { EXPECT_EQ(qmp.mistakes(), std::vector<std::string>{}); }

    FakeQmpClient qmp;
};

TEST_F(DimmTest, AnNvdimmIsAnotherDevice) {
    expect_made();
    qmp.expect("device_add").with({{"driver", "nvdimm"}, {"id", "dimm0"}, {"memdev", "mem-dimm0"}, {"node", 0}});
    expect_list({{{"type", "nvdimm"}, {"data", {{"id", "dimm0"}, {"addr", 0x100000000}, {"size", kGibibyte}}}}});
    const auto plugged =
        plug_dimm(qmp, {"dimm0", "mem-dimm0", kGibibyte, 0, true}, Deadline::after(std::chrono::seconds(1)));
    ASSERT_TRUE(plugged) << plugged.error().message;
    ASSERT_TRUE(*plugged);
    EXPECT_EQ((*plugged)->address, 0x100000000u);
}

TEST_F(DimmTest, TheBlocksFollowFromWhereQemuPutIt) {
    expect_made();
    expect_added();
    expect_list({dimm("other", 0), dimm("dimm0", 0x100000000)});
    const auto plugged = plug();
    ASSERT_TRUE(plugged) << plugged.error().message;
    ASSERT_TRUE(*plugged);
    const auto blocks = blocks_of(**plugged, kBlock);
    ASSERT_TRUE(blocks);
    EXPECT_EQ(blocks->first, 32u);
    EXPECT_EQ(blocks->last, 39u);
    EXPECT_EQ(blocks->count(), 8u);
    EXPECT_TRUE(blocks->contains(39));
    EXPECT_FALSE(blocks->contains(40));
}

TEST_F(DimmTest, ABackendThatIsRefused) {
    qmp.expect("object-add").refuse("GenericError", "cannot allocate");
    const auto plugged = plug();
    ASSERT_TRUE(plugged);
    ASSERT_FALSE(*plugged);
    EXPECT_EQ(plugged->error().text(), "GenericError: cannot allocate");
    EXPECT_EQ(plugged->error().error().fault, Fault::user_input);
    EXPECT_EQ(plugged->error().error().message, "object-add mem-dimm0: QEMU refused: cannot allocate");
}

TEST_F(DimmTest, ADeviceThatIsRefusedTakesItsBackendAlong) {
    expect_made();
    qmp.expect("device_add").refuse("GenericError", "no free slot");
    qmp.expect("object-del").with({{"id", "mem-dimm0"}});
    const auto plugged = plug();
    ASSERT_TRUE(plugged);
    ASSERT_FALSE(*plugged);
    EXPECT_EQ(plugged->error().text(), "GenericError: no free slot");
}

TEST_F(DimmTest, AQemuThatIsGoneIsAFaultOfTheRig) {
    expect_made();
    qmp.expect("device_add").fail(QmpFault::transport);
    qmp.expect("object-del").fail(QmpFault::transport);
    const auto blocks = plug();
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::rig);
}

TEST_F(DimmTest, ADeviceThatIsNotListedIsAFaultOfTheRig) {
    expect_made();
    expect_added();
    expect_list(json::array({dimm("other", 0)}));
    const auto blocks = plug();
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::rig);
}

TEST_F(DimmTest, ADeviceOfAnotherSizeIsAFaultOfTheRig) {
    expect_made();
    expect_added();
    expect_list(json::array({dimm("dimm0", 0x100000000, kGibibyte / 2)}));
    const auto plugged = plug();
    ASSERT_FALSE(plugged);
    EXPECT_EQ(plugged.error().fault, Fault::rig);
}

TEST_F(DimmTest, WhatIsNoWholeNumberOfBlocksIsNoBlocks) {
    EXPECT_FALSE(blocks_of({0x104000000, kGibibyte}, kBlock));
    EXPECT_FALSE(blocks_of({0x100000000, kBlock + (2 << 20)}, kBlock));
    EXPECT_FALSE(blocks_of({0x100000000, 0}, kBlock));
    EXPECT_FALSE(blocks_of({0x100000000, kGibibyte}, 0));
}

TEST_F(DimmTest, ARemovalIsAskedForOrRefused) {
    const auto soon = Deadline::after(std::chrono::seconds(1));
    qmp.expect("device_del").with({{"id", "dimm0"}});
    const auto asked = unplug_dimm(qmp, "dimm0", soon);
    ASSERT_TRUE(asked);
    EXPECT_TRUE(*asked);
    qmp.expect("device_del").refuse("DeviceNotFound", "Device 'dimm9' not found");
    const auto refused = unplug_dimm(qmp, "dimm9", soon);
    ASSERT_TRUE(refused);
    ASSERT_FALSE(*refused);
    EXPECT_EQ(refused->error().text(), "DeviceNotFound: Device 'dimm9' not found");
    qmp.expect("device_del").fail(QmpFault::transport);
    EXPECT_FALSE(unplug_dimm(qmp, "dimm0", soon));
}

TEST_F(DimmTest, QemuIsLookedAtForDevicesAndBackends) {
    expect_list(json::array({dimm("dimm0", 0x100000000)}));
    qmp.expect("qom-list")
        .with({{"path", "/objects"}})
        .reply(json::array({{{"name", "type"}, {"type", "string"}},
                            {{"name", "mem-adder"}, {"type", "child<memory-backend-ram>"}},
                            {{"name", "io"}, {"type", "child<iothread>"}}}));
    const auto memory = look_at_qemu(qmp, Deadline::after(std::chrono::seconds(1)));
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_EQ(memory->devices, std::set<std::string>{"dimm0"});
    EXPECT_EQ(memory->backends, std::set<std::string>{"mem-adder"});
}

}  // namespace
}  // namespace memrig
