// The parts into which work is split.
#include "run/portion.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

TEST(Portion, TheShardsHaveEachUnitOnceAndDifferByOneAtMost) {
    for (const unsigned count : {1u, 2u, 3u, 7u, 49u, 1000u})
        for (const std::uint64_t all :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{49}, std::uint64_t{100'000}}) {
            std::uint64_t next = 0;
            for (unsigned number = 1; number <= count; number++) {
                const UnitRange range = units_of({number, count}, all);
                EXPECT_EQ(range.begin, next);
                EXPECT_GE(range.size(), all / count);
                EXPECT_LE(range.size(), all / count + 1);
                EXPECT_EQ(range.contains(range.begin), range.size() > 0);
                EXPECT_FALSE(range.contains(range.end));
                next = range.end;
            }
            EXPECT_EQ(next, all);
        }
}

}  // namespace
}  // namespace memrig
