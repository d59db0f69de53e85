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
    Result<BlockRange> plug(std::uint64_t block = kBlock) {
        return plug_dimm(qmp, {"dimm0", kGibibyte, 1}, block, Deadline::after(std::chrono::seconds(1)));
    }
    void TearDown() override { EXPECT_EQ(qmp.mistakes(), std::vector<std::string>{}); }

    FakeQmpClient qmp;
};

TEST_F(DimmTest, TheBlocksFollowFromWhereQemuPutIt) {
    expect_made();
    expect_added();
    expect_list({dimm("other", 0), dimm("dimm0", 0x100000000)});
    const auto blocks = plug();
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_EQ(blocks->first, 32u);
    EXPECT_EQ(blocks->last, 39u);
    EXPECT_EQ(blocks->count(), 8u);
}

TEST_F(DimmTest, ABackendThatIsRefusedIsTheUsersInput) {
    qmp.expect("object-add").refuse("GenericError", "cannot allocate");
    const auto blocks = plug();
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::user_input);
    EXPECT_EQ(blocks.error().message, "object-add mem-dimm0: QEMU refused: cannot allocate");
}

TEST_F(DimmTest, ADeviceThatIsRefusedTakesItsBackendAlong) {
    expect_made();
    qmp.expect("device_add").refuse("GenericError", "no free slot");
    qmp.expect("object-del").with({{"id", "mem-dimm0"}});
    const auto blocks = plug();
    ASSERT_FALSE(blocks);
    EXPECT_EQ(blocks.error().fault, Fault::user_input);
    EXPECT_NE(blocks.error().message.find("no free slot"), std::string::npos);
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

TEST_F(DimmTest, APlaceThatIsNoWholeNumberOfBlocksIsAFaultOfTheRig) {
    const std::tuple<std::uint64_t, std::uint64_t, std::uint64_t> cases[] = {{0x104000000, kGibibyte, kBlock},
                                                                             {0x100000000, kGibibyte / 2, kBlock},
                                                                             {0x100000000, kGibibyte, 3 * kBlock},
                                                                             {0x100000000, kGibibyte, 0}};
    for (const auto& [address, size, block] : cases) {
        expect_made();
        expect_added();
        expect_list(json::array({dimm("dimm0", address, size)}));
        const auto blocks = plug(block);
        ASSERT_FALSE(blocks);
        EXPECT_EQ(blocks.error().fault, Fault::rig);
    }
}

}  // namespace
}  // namespace memrig
