// The time axis of the drawings.
#include <gtest/gtest.h>

#include "page/time_axis.h"

namespace memrig {
namespace {

TEST(TimeAxis, KeepsTheOrderAndShortensWhatIsLong) {
    const TimeAxis axis({10'000, 0, 0.01, 1, 1}, 100, 1000);
    EXPECT_EQ(0, axis.at(-5));
    EXPECT_EQ(axis.width(), axis.at(20'000));
    double before = -1;
    for (const double ms : {0.0, 0.005, 0.01, 0.5, 1.0, 5'000.0, 10'000.0}) {
        EXPECT_GT(axis.at(ms), before) << ms;
        before = axis.at(ms);
    }
    EXPECT_LT(axis.at(10'000) - axis.at(1), 10'000 * axis.at(0.01));
    for (const auto& moments : {std::vector{3.0}, {3.0, 3.0}}) EXPECT_EQ(100, TimeAxis(moments, 100, 1000).width());
}

}  // namespace
}  // namespace memrig
