// The table of what a guest may have.
#include <algorithm>

#include <gtest/gtest.h>

#include "machine/guest_feature.h"

namespace memrig {
namespace {

TEST(GuestFeatures, AreSortedAndNotTakenForKernelSymbols) {
    EXPECT_TRUE(std::ranges::is_sorted(guest_features(), {}, &GuestFeature::key));
    for (const GuestFeature& feature : guest_features()) {
        EXPECT_TRUE(names_guest_feature(feature.key)) << feature.key;
        EXPECT_TRUE(feature.path.starts_with('/')) << feature.key;
        EXPECT_FALSE(feature.name.empty() || feature.option.empty()) << feature.key;
    }
}

TEST(GuestFeatures, AreFoundByTheirKey) {
    ASSERT_NE(find_guest_feature("numa-nodes"), nullptr);
    EXPECT_EQ(find_guest_feature("numa-nodes")->option, "CONFIG_NUMA");
    EXPECT_EQ(find_guest_feature("numa-node"), nullptr);
    EXPECT_FALSE(names_guest_feature("numa_nodes"));
}

}  // namespace
}  // namespace memrig
