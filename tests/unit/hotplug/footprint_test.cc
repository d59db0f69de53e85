// The footprint that a loop leaves behind: how it is measured, and what counts as drift.
#include <gtest/gtest.h>

#include "guest/fake_guest_link.h"
#include "hotplug/footprint.h"
#include "qmp/fake_qmp_client.h"

namespace memrig {
namespace {

using nlohmann::json;

class FootprintTest : public ::testing::Test {
protected:
    void SetUp() override {
        guest.files["/proc/iomem"] = "00001000-0009fbff : System RAM\n";
        guest.block_list = std::vector<MemoryBlock>{{0, "online", "Normal", 0, false}};
        MemoryFigures figures;
        figures.zones = {{0, "Normal", 100, 90, 110, 5, 0}};
        figures.meminfo = {{"MemTotal", 4000}, {"MemFree", 77}};
        guest.figures = figures;
        guest.slab_objects = std::map<std::string, std::uint64_t>{{"kmalloc-1k", 1000}};
    }
    // After each round that a loop is looked at: 16, 136 and 256.
    Footprint look(const json& objects = json::array({{{"name", "ram"}}}), const json& devices = json::array()) {
        qmp.expect("qom-list").with({{"path", "/objects"}}).reply(objects);
        qmp.expect("qom-list").with({{"path", "/machine/peripheral"}}).reply(json::array());
        qmp.expect("qom-list").with({{"path", "/machine/peripheral-anon"}}).reply(json::array());
        qmp.expect("query-memory-devices").reply(devices);
        const auto taken = take_footprint(qmp, guest, Deadline::after(std::chrono::seconds(1)));
        EXPECT_TRUE(taken) << taken.error().message;
        Footprint footprint = taken.value_or(Footprint());
        footprint.round = 16 + 120 * looks++;
        return footprint;
    }
    // Whose slab has had so many objects.
    Footprint look_at_slab(const std::string& name, std::uint64_t objects) {
        (*guest.slab_objects)[name] = objects;
        return look();
    }
    static std::vector<std::string> drifted(const std::vector<Footprint>& footprints) {
        return drift(footprints, footprints.size());
    }
    static std::vector<std::string> lines(std::vector<std::string> list) { return list; }

    FakeQmpClient qmp;
    FakeGuestLink guest;
    unsigned looks = 0;
};

TEST_F(FootprintTest, TheSameTwiceIsNoDrift) { EXPECT_EQ(drifted({look(), look()}), lines({})); }

TEST_F(FootprintTest, WhatOtherWorkMovesIsNotLookedAt) {
    const Footprint before = look();
    guest.figures->meminfo["MemFree"] = 12;
    EXPECT_EQ(drifted({before, look()}), lines({}));
}

TEST_F(FootprintTest, ABackendThatIsLeftIsDrift) {
    const Footprint before = look();
    const json left = json::array({{{"name", "ram"}}, {{"name", "mem-dimm0"}}});
    EXPECT_EQ(drifted({before, look(left)}), lines({"QEMU's /objects: \"mem-dimm0 ram\" was \"ram\""}));
}

TEST_F(FootprintTest, ADeviceThatIsLeftIsDrift) {
    const Footprint before = look();
    const json device = {{"type", "dimm"}, {"data", {{"id", "dimm0"}}}};
    EXPECT_EQ(drifted({before, look(json::array({{{"name", "ram"}}}), json::array({device}))}).size(), 1u);
}

TEST_F(FootprintTest, AnAddressRangeThatIsLeftIsDrift) {
    const Footprint before = look();
    guest.files["/proc/iomem"] += "100000000-107ffffff : System RAM\n";
    EXPECT_EQ(drifted({before, look()}), lines({"/proc/iomem: \"100000000-107ffffff : System RAM\" was \"nothing\""}));
}

TEST_F(FootprintTest, ABlockOrAPageThatIsLeftIsDrift) {
    const Footprint before = look();
    guest.block_list->push_back({32, "offline", "", 0, false});
    guest.figures->zones[0].present++;
    guest.figures->meminfo["MemTotal"]++;
    EXPECT_EQ(drifted({before, look()}).size(), 3u);
}

TEST_F(FootprintTest, AnObjectARoundIsALeak) {
    const std::vector<Footprint> seen = {look(), look_at_slab("kmalloc-1k", 1120), look_at_slab("kmalloc-1k", 1240)};
    EXPECT_EQ(drifted(seen), lines({"objects in slab kmalloc-1k: 240 more after 240 rounds (1240, was 1000)"}));
}

TEST_F(FootprintTest, TooFewLooksMakeNoLeakOfAGrowingCounter) {
    const std::vector<Footprint> seen = {look(), look_at_slab("kmalloc-1k", 1120), look_at_slab("kmalloc-1k", 1240)};
    EXPECT_EQ(drift(seen, 4), lines({}));
    EXPECT_EQ(growing(seen), lines({"objects in slab kmalloc-1k"}));
    EXPECT_EQ(stopped_growing(seen, 3), lines({}));
}

TEST_F(FootprintTest, ACounterThatStoppedGrowingIsTold) {
    const std::vector<Footprint> seen = {look(), look_at_slab("kmalloc-1k", 1120), look_at_slab("kmalloc-1k", 1240),
                                         look_at_slab("kmalloc-1k", 990)};
    EXPECT_EQ(growing(seen), lines({}));
    EXPECT_EQ(stopped_growing(seen, 3),
              lines({"objects in slab kmalloc-1k grew by 240 up to round 256, and by -10 up to round 376"}));
    EXPECT_EQ(changes(seen[2], seen[3]), "objects in slab kmalloc-1k 1240 -> 990");
    EXPECT_EQ(changes(seen[3], seen[3]), "");
}

TEST_F(FootprintTest, FewerThanOneARoundInOneStretchIsNoLeak) {
    const std::vector<Footprint> late = {look(), look_at_slab("kmalloc-1k", 1119), look_at_slab("kmalloc-1k", 9000)};
    EXPECT_EQ(drifted(late), lines({}));
}

TEST_F(FootprintTest, WhatGrewOnceIsNoLeak) {
    const std::vector<Footprint> once = {look(), look_at_slab("kmalloc-1k", 9000), look()};
    EXPECT_EQ(drifted(once), lines({}));
}

TEST_F(FootprintTest, ACacheThatCameAfterTheWarmUpCountsFromNothing) {
    EXPECT_EQ(drifted({look(), look_at_slab("new", 120), look_at_slab("new", 240)}).size(), 1u);
}

TEST_F(FootprintTest, WhatTheKernelFreesLaterIsNotLookedAt) {
    EXPECT_EQ(drifted({look(), look_at_slab("vmap_area", 9000), look_at_slab("vmap_area", 18000)}), lines({}));
}

TEST_F(FootprintTest, AFactThatIsAnotherInBetweenIsDrift) {
    const Footprint before = look();
    guest.block_list->push_back({32, "offline", "", 0, false});
    const Footprint between = look();
    guest.block_list->pop_back();
    EXPECT_EQ(drifted({before, between, look()}).size(), 1u);
}

TEST_F(FootprintTest, WhatCannotBeLookedAtIsAnError) {
    qmp.expect("qom-list").refuse("GenericError", "no such path");
    const auto refused = take_footprint(qmp, guest, Deadline::after(std::chrono::seconds(1)));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("qom-list /objects"), std::string::npos);
}

}  // namespace
}  // namespace memrig
