// MEMRIG_ASSERT ends the program, in every build.
#include "base/assert.h"

#include <csignal>

#include <gtest/gtest.h>

namespace memrig {
namespace {

TEST(AssertDeathTest, WhatDoesNotHoldEndsTheProgramAndIsNamed) {
    const int plugged = 3;
    EXPECT_EXIT(MEMRIG_ASSERT(plugged < 3, "there are three devices"), ::testing::KilledBySignal(SIGABRT),
                "memrig: .*assert_test.cc:[0-9]+: this does not hold: there are three devices \\(plugged < 3\\)");
}

TEST(Assert, WhatHoldsIsEvaluatedOnce) {
    int calls = 0;
    MEMRIG_ASSERT(++calls == 1, "it is called once");
    EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace memrig
