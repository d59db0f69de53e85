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

}  // namespace
}  // namespace memrig
