// The places of the zones' figures, from BTF that libbpf itself writes.
#include "kernel/memory_layout.h"

#include <bpf/btf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class MemoryLayoutTest : public ::testing::Test {
protected:
    MemoryLayoutTest() : types(btf__new_empty()) { word = btf__add_int(types, "unsigned long", 8, 0); }
    ~MemoryLayoutTest() override { btf__free(types); }

    void add_zones(const std::vector<const char*>& names) {
        btf__add_enum(types, "zone_type", 4);
        for (std::size_t i = 0; i < names.size(); i++)
            btf__add_enum_value(types, names[i], static_cast<std::int64_t>(i));
    }
    // Its words, one behind the other.
    int add_struct(const char* name, std::uint32_t bytes, const std::vector<const char*>& members) {
        const int id = btf__add_struct(types, name, bytes);
        std::uint32_t at = 0;
        for (const char* member : members) btf__add_field(types, member, word, 64 * at++, 0);
        return id;
    }
    Result<MemoryLayout> layout() {
        std::uint32_t size = 0;
        const auto* data = static_cast<const char*>(btf__raw_data(types, &size));
        return memory_layout({data, size});
    }

    btf* types;
    int word = 0;
};

TEST_F(MemoryLayoutTest, IsThatOfTheKernel) {
    add_zones({"ZONE_DMA", "ZONE_DMA32", "ZONE_NORMAL", "ZONE_MOVABLE", "ZONE_DEVICE", "__MAX_NR_ZONES"});
    add_struct("zone", 1600, {"watermark", "zone_start_pfn", "managed_pages", "spanned_pages", "present_pages"});
    add_struct("pglist_data", 9000,
               {"before", "node_zones", "node_start_pfn", "node_present_pages", "node_spanned_pages"});
    const auto read = layout();
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->zones_at, 8u);
    EXPECT_EQ(read->zone_bytes, 1600u);
    EXPECT_THAT(read->zones, ElementsAre(Pair(0, "DMA"), Pair(1, "DMA32"), Pair(2, "Normal"), Pair(3, "Movable"),
                                         Pair(4, "Device")));
    EXPECT_EQ(read->first_added, 2u);
    EXPECT_THAT(read->zone_figures,
                ElementsAre(Pair("present_pages", 32), Pair("spanned_pages", 24), Pair("zone_start_pfn", 8)));
    EXPECT_THAT(read->node_figures, ElementsAre(Pair("node_present_pages", 24), Pair("node_spanned_pages", 32),
                                                Pair("node_start_pfn", 16)));
}

TEST_F(MemoryLayoutTest, WhatIsNotThereIsNamed) {
    EXPECT_THAT(layout().error().message, HasSubstr("struct zone"));
    add_struct("zone", 64, {"zone_start_pfn", "spanned_pages"});
    add_struct("pglist_data", 64, {"node_zones"});
    EXPECT_THAT(layout().error().message, HasSubstr("ZONE_NORMAL"));
    add_zones({"ZONE_NORMAL"});
    EXPECT_THAT(layout().error().message, HasSubstr("present_pages"));
}

TEST(MemoryLayoutOfRubbish, IsAnError) {
    for (const char* text : {"", "BTF", "\x9f\xeb\x01\x00"}) {
        const auto read = memory_layout(text);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().fault, Fault::guest);
    }
}

// A pglist_data, as its words lie in memory.
class FoundLayout : public ::testing::Test {
protected:
    static constexpr std::uint64_t kZone = 12, kFirst = 4, kNode = kFirst + 5 * kZone;  // in words
    static constexpr std::uint64_t kTexts = 0xffffffff82001000;

    FoundLayout() : words(kNode + 20) {
        for (std::size_t i = 0; i < zones.size(); i++) {
            put(kFirst + i * kZone + 2, figures_of(zones[i]));
            put(kFirst + i * kZone + 8, {kTexts + 8 * i});
        }
        put(kNode + 3, {4096, 127073, 127072});
    }
    static std::vector<std::uint64_t> figures_of(const ZoneSample& zone) {
        return {zone.start_pfn, zone.managed, zone.spanned, zone.present};
    }
    void put(std::uint64_t at, const std::vector<std::uint64_t>& values) { std::ranges::copy(values, &words.at(at)); }
    std::string text_at(std::uint64_t address) const {
        const std::uint64_t index = (address - kTexts) / 8;
        return address % 8 == 0 && index < zones.size() ? zones[index].name : "";
    }
    Result<MemoryLayout> layout() const {
        return find_memory_layout({reinterpret_cast<const char*>(words.data()), words.size() * 8}, zones,
                                  [this](std::uint64_t address) { return text_at(address); });
    }
    void expect_none(const std::string& why) const {
        const auto found = layout();
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().fault, Fault::guest);
        EXPECT_EQ(found.error().message, why);
    }

    std::vector<ZoneSample> zones = {
        {"DMA"}, {"DMA32", 4096, 95648, 127072, 127073}, {"Normal"}, {"Movable"}, {"Device"}};
    std::vector<std::uint64_t> words;
};

TEST_F(FoundLayout, IsThatOfTheKernel) {
    const auto found = layout();
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->zone_bytes, 8 * kZone);
    EXPECT_EQ(found->first_added, 2u);
    EXPECT_EQ(found->zones.at(4), "Device");
    EXPECT_EQ(found->zones_at + 2 * found->zone_bytes + found->zone_figures.at("present_pages"),
              8 * (kFirst + 2 * kZone + 5))
        << "of zone Normal, which has no memory yet";
    EXPECT_EQ(found->node_figures.at("node_present_pages"), 8 * (kNode + 4));
    EXPECT_EQ(found->node_figures.at("node_spanned_pages"), 8 * (kNode + 5));
}

TEST_F(FoundLayout, AZoneIsFoundAtOnePlaceAlone) {
    put(kNode + 10, figures_of(zones[1]));
    expect_none("the figures of DMA32 were found at more than one place");
    put(kNode + 10, {0, 0, 0, 0});
    put(kFirst + kZone + 2, {0, 0, 0, 0});
    expect_none("the figures of DMA32 were found nowhere");
}

TEST_F(FoundLayout, EachZoneHasItsName) {
    put(kFirst + 4 * kZone + 8, {kTexts});
    expect_none("Device is not where it would be");
    put(kFirst + 2 * kZone + 8, {0});
    expect_none("no zone Normal follows DMA32");
    put(kFirst + 1 * kZone + 8, {1});
    expect_none("the name of DMA32 does not follow its figures");
}

TEST_F(FoundLayout, ANodeThatDiffersIsNotFound) {
    put(kNode + 3, {2});
    expect_none("the figures of the node were found nowhere");
    put(1, {4096, 127073, 127072});
    expect_none("the figures of the node do not lie behind its zones");
}

TEST_F(FoundLayout, NoMemoryTellsNothing) {
    zones[1].present = 0;
    expect_none("no zone but the last one has memory");
    zones.clear();
    expect_none("no zone but the last one has memory");
}

TEST_F(FoundLayout, NothingIsReadBehindTheEnd) {
    words.resize(kNode + 5);
    expect_none("the figures of the node were found nowhere");
    words.resize(kFirst + 2 * kZone);
    expect_none("no zone Normal follows DMA32");
    words.clear();
    expect_none("the figures of DMA32 were found nowhere");
}

}  // namespace
}  // namespace memrig
