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
        first = trial.performance.stuck.front();
        second = trial.performance.stuck.back();
    }
    void lose_cycle() {
        first.cycle.reset();
        second.cycle.reset();
    }
    [[nodiscard]] std::string movement() const { return movement_between(first, second).value_or("none"); }
    StuckSample first, second;
};

TEST_F(Standstill, TheSameCycleTwice) {
    EXPECT_TRUE(shows_standstill(first, second));
    second.blocked.push_back({91, "other", 'D', {"msleep"}});
    EXPECT_TRUE(shows_standstill(first, second)) << "a task that is not in the cycle may go on";
}

TEST_F(Standstill, ACycleWhoseTasksMovedIsNone) {
    second.lock_events++;
    EXPECT_EQ(movement(), "locks were asked for, taken or released in between");
}

TEST_F(Standstill, ACycleAndTooFewWhoStandStillIsNone) {
    second.blocked.front().stack.push_back("vfs_write");
    EXPECT_EQ(movement(), "2 tasks form a cycle, but only 1 stand still");
    second.blocked.erase(second.blocked.begin());
    EXPECT_FALSE(shows_standstill(first, second));
}

TEST_F(Standstill, ACycleWithATaskThatRanIsNone) {
    second.blocked.front().involuntary++;
    EXPECT_FALSE(shows_standstill(first, second));
}

TEST_F(Standstill, ACycleThatIsOnlyInOneOfThemIsNone) {
    second.cycle.reset();
    EXPECT_EQ(movement(), "the cycle is not the same in both looks");
    std::swap(first.cycle, second.cycle);
    EXPECT_FALSE(shows_standstill(first, second));
}

TEST_F(Standstill, TwoLooksWithoutTimeBetweenThemShowNone) {
    for (const bool cycle : {true, false}) {
        if (!cycle) lose_cycle();
        EXPECT_TRUE(shows_standstill(first, second));
        second.begin_ms--;
        EXPECT_EQ(movement(), "the guest ran for less than 1000 ms between the looks");
        second.begin_ms++;
        first.end_ms++;
        EXPECT_FALSE(shows_standstill(first, second)) << "the first look took so long";
        first.end_ms--;
    }
}

TEST_F(Standstill, EmptyStacksShowNone) {
    for (const bool cycle : {true, false}) {
        if (!cycle) lose_cycle();
        for (auto* look : {&first, &second})
            for (auto& task : look->blocked) task.stack.clear();
        EXPECT_FALSE(shows_standstill(first, second));
    }
    EXPECT_EQ(movement(), "the guest shows no stack of kworker/u4:1 (pid 71)");
}

TEST_F(Standstill, WithoutACycleAllMustStandWhereTheyStood) {
    lose_cycle();
    EXPECT_TRUE(shows_standstill(first, second));
    second.blocked.back().stack.push_back("vfs_write");
    EXPECT_EQ(movement(), "onliner (pid 90) waits elsewhere than before");
    second.blocked.clear();
    first.blocked.clear();
    EXPECT_EQ(movement(), "no task is blocked");
}

TEST_F(Standstill, WithoutACycleNobodyMayRunInBetween) {
    lose_cycle();
    second.blocked.back().voluntary++;
    EXPECT_EQ(movement(), "onliner (pid 90) ran in between");
    second.blocked.back().voluntary--;
    second.blocked.back().involuntary++;
    EXPECT_EQ(movement(), "onliner (pid 90) ran in between");
}

TEST_F(Standstill, WithoutACycleTheTasksMustBeTheSame) {
    lose_cycle();
    second.blocked.back().tid++;
    EXPECT_EQ(movement(), "onliner (pid 90) is not blocked any more");
    second.blocked.back().tid--;
    second.blocked.push_back({91, "other", 'D', {"io_schedule"}});
    EXPECT_EQ(movement(), "other (pid 91) was not blocked before");
}

// A task that is blocked for good, and has nothing to do with the actors, is no hang of an actor that works on.
TEST_F(Standstill, WithoutACycleNoActorMayBeAwake) {
    lose_cycle();
    second.awake = {"onliner"};
    EXPECT_EQ(movement(), "onliner is at work in the kernel, and not blocked");
}

}  // namespace
}  // namespace memrig
