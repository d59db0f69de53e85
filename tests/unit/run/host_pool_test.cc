#include "run/host_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memrig {
namespace {

using ::testing::HasSubstr;

class Hosts : public ::testing::Test {
protected:
    std::vector<Status> there{3};
    unsigned asked = 0;
    HostPool pool{{"a", "b", "c"}, [this](std::size_t host) {
                      asked++;
                      return there[host];
                  }};
};

TEST_F(Hosts, TheLeastBusyIsNext) {
    EXPECT_EQ(pool.take(), 0u);
    EXPECT_EQ(pool.take(), 1u);
    EXPECT_EQ(pool.take(), 2u);
    pool.give_back(2);
    EXPECT_EQ(pool.take(), 2u);
    EXPECT_EQ(pool.take(), 0u);
    EXPECT_EQ(asked, 0u);
}

TEST_F(Hosts, OneThatAnswersStays) {
    EXPECT_FALSE(pool.look_after(1));
    EXPECT_EQ(pool.lost(1), "");
    EXPECT_EQ(asked, 1u);
}

TEST_F(Hosts, OneThatDoesNotIsGivenNoMore) {
    there[0] = fail(Fault::host, "no route");
    const auto loss = pool.look_after(0);
    ASSERT_TRUE(loss);
    EXPECT_EQ(loss->host, "a");
    EXPECT_EQ(loss->why, "no route");
    EXPECT_TRUE(loss->is_news);
    EXPECT_EQ(pool.take(), 1u);
    EXPECT_EQ(pool.take(), 2u);
    EXPECT_EQ(pool.take(), 1u);
    EXPECT_EQ(pool.lost(0), "no route");
    there[0] = {};
    const auto again = pool.look_after(0);
    ASSERT_TRUE(again) << "it stays lost";
    EXPECT_FALSE(again->is_news);
    EXPECT_EQ(asked, 1u);
}

TEST_F(Hosts, AUserWhoStopsLosesNone) {
    there[0] = fail(Fault::interrupted, "stopped");
    EXPECT_FALSE(pool.look_after(0));
    EXPECT_EQ(pool.lost(0), "");
}

TEST_F(Hosts, WhenNoneIsLeftAllReasonsAreTold) {
    for (std::size_t host = 0; host < 3; host++) {
        there[host] = fail(Fault::host, "reason {}", host);
        EXPECT_TRUE(pool.look_after(host));
    }
    const auto taken = pool.take();
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().fault, Fault::rig);
    EXPECT_THAT(taken.error().message, HasSubstr("no host is left: a: reason 0; b: reason 1; c: reason 2"));
}

}  // namespace
}  // namespace memrig
