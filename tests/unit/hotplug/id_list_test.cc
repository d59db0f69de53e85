#include "hotplug/id_list.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

using Ids = std::set<unsigned>;

TEST(IdList, RangesAndSingleOnes) {
    EXPECT_EQ(parse_id_list("0\n"), Ids{0});
    EXPECT_EQ(parse_id_list("0-2\n"), (Ids{0, 1, 2}));
    EXPECT_EQ(parse_id_list("0-2,5,7-8"), (Ids{0, 1, 2, 5, 7, 8}));
    EXPECT_EQ(parse_id_list("65535"), Ids{65535});
    EXPECT_EQ(parse_id_list(""), Ids{});
    EXPECT_EQ(parse_id_list("\n"), Ids{});
}

TEST(IdList, WhatIsNone) {
    for (const char* bad : {"x", "0-", "2-0", "0,", ",0", "0;1", "-1", "0 ", "0\n\n", "0-1-2", "+1"})
        EXPECT_FALSE(parse_id_list(bad)) << bad;
}

TEST(IdList, NoGuestMakesItCountToTheEndOfTime) {
    for (const char* bad : {"65536", "0-4294967295", "0-99999999999999999999", "4294967296"})
        EXPECT_FALSE(parse_id_list(bad)) << bad;
}

}  // namespace
}  // namespace memrig
