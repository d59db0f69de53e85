// Parts of a trial that the rig does not have: limits that were passed, and points of explore mode that do not exist.
#include "run/lacks.h"

#include <sys/socket.h>

#include <gtest/gtest.h>

namespace memrig {
namespace {

TEST(PassedLimits, AreNoneInAQuietTrial) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Descriptor guest(ends[0]);
    const ConsoleLog console{Descriptor(ends[1])};
    EXPECT_TRUE(passed_limits(console, {}, nullptr).empty());
}

TEST(PassedLimits, EachIsTold) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Descriptor guest(ends[0]);
    const ConsoleLog console{Descriptor(ends[1])};
    const std::string chunk(1 << 20, 'x');
    const auto soon = Deadline::after(std::chrono::seconds(60));
    for (int i = 0; i < 17; i++) ASSERT_TRUE(write_all(guest.get(), chunk, soon));
    guest.close();
    ASSERT_EQ(console.wait_for("never printed", 0, soon), false);
    ConsoleReport report;
    report.cut = true;
    EXPECT_EQ(passed_limits(console, report, nullptr),
              (std::vector<std::string>{"the console is cut off behind its first 16 MiB",
                                        "the console has more than 10000 reports"}));
}

TEST(LackingPoints, AreNoneIfEachExistsAndOneWasPassed) {
    EXPECT_TRUE(lacking_points({.named = true, .missing = {}, .passed = true}).empty());
    EXPECT_TRUE(lacking_points({.named = false, .missing = {"memory_notify"}, .passed = true}).empty())
        << "a kernel need not have all of the default points";
}

TEST(LackingPoints, APointThatWasNamedHasToExist) {
    EXPECT_EQ(lacking_points({.named = true, .missing = {"no_such_function"}, .passed = true}),
              std::vector<std::string>{"this kernel has no function no_such_function, which is to be a point"});
}

TEST(LackingPoints, AnOrderWithoutAPointSaysNothing) {
    EXPECT_EQ(lacking_points({.named = false, .missing = {}, .passed = false}),
              std::vector<std::string>{"no actor came to any of the points"});
}

}  // namespace
}  // namespace memrig
