// Timelines as data and as JSON.
#include <gtest/gtest.h>

#include "schedule/timeline.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

TEST(Timeline, IsByTimeAndInMilliseconds) {
    const SteadyTime origin{};
    Timeline timeline(origin);
    timeline.add({origin + 2500us, "onliner", "lock", "is refused device_hotplug_lock", 2});
    timeline.add({origin + 1ms, "rig", "step", "start adder", {}});
    timeline.add({origin + 2500us, "onliner", "evidence", "refused device_hotplug_lock", 2});
    const auto json = timeline.json();
    EXPECT_EQ(json["schema"], 1);
    ASSERT_EQ(json["happenings"].size(), 3u);
    const nlohmann::json first = {{"ms", 1.0}, {"actor", "rig"}, {"what", "step"}, {"text", "start adder"}};
    EXPECT_EQ(json["happenings"][0], first);
    EXPECT_EQ(json["happenings"][1]["ms"], 2.5);
    EXPECT_EQ(json["happenings"][1]["vcpu"], 2);
    EXPECT_EQ(json["happenings"][1]["what"], "lock") << "what is noted first comes first";
}

TEST(Timeline, NotesTheTimeItself) {
    const SteadyTime before = steady_clock().now();
    Timeline timeline(before);
    timeline.add("rig", "step", "settle");
    ASSERT_EQ(timeline.sorted().size(), 1u);
    EXPECT_GE(timeline.sorted()[0].at, before);
    EXPECT_LE(timeline.sorted()[0].at, steady_clock().now());
    EXPECT_FALSE(timeline.sorted()[0].vcpu);
}

}  // namespace
}  // namespace memrig
