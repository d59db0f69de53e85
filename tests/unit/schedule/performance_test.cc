// Two looks at a guest tell whether its tasks make progress.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

class Standstill : public ::testing::Test {
protected:
    Standstill() {
        SampleTrial trial;
        trial.get_stuck();
        first = second = trial.performance.stuck.front();
    }
    StuckSample first, second;
};

TEST_F(Standstill, TheSameCycleTwice) {
    EXPECT_TRUE(shows_standstill(first, second));
    second.blocked.push_back({91, "other", 'D', {"msleep"}});
    EXPECT_TRUE(shows_standstill(first, second)) << "who is not in it may go on";
}

TEST_F(Standstill, ACycleWhoseTasksMovedIsNone) {
    second.lock_events++;
    EXPECT_FALSE(shows_standstill(first, second));
}

TEST_F(Standstill, ACycleAndTooFewWhoStandStillIsNone) {
    second.blocked.front().stack.push_back("vfs_write");
    EXPECT_FALSE(shows_standstill(first, second));
    second.blocked.erase(second.blocked.begin());
    EXPECT_FALSE(shows_standstill(first, second));
}

TEST_F(Standstill, ACycleThatIsOnlyInOneOfThemIsNone) {
    second.cycle.reset();
    EXPECT_FALSE(shows_standstill(first, second));
    EXPECT_FALSE(shows_standstill(second, first));
}

TEST_F(Standstill, WithoutACycleAllMustStandWhereTheyStood) {
    first.cycle.reset();
    second.cycle.reset();
    EXPECT_TRUE(shows_standstill(first, second));
    second.blocked.back().stack.push_back("vfs_write");
    EXPECT_FALSE(shows_standstill(first, second));
    second.blocked.clear();
    first.blocked.clear();
    EXPECT_FALSE(shows_standstill(first, second)) << "nobody is blocked";
}

}  // namespace
}  // namespace memrig
