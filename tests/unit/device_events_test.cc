// What counts as libvirt's word for a device that was added or removed.
#include "libvirt/device_events.h"

#include <thread>

#include <gtest/gtest.h>

namespace memrig {
namespace {

Deadline soon() { return Deadline::after(std::chrono::minutes(5)); }
Deadline at_once() { return Deadline::after(Duration::zero()); }

class DeviceEventsTest : public ::testing::Test {
protected:
    void expect_silence(const Status& status, const std::string& what) {
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().fault, Fault::rig);
        EXPECT_EQ(status.error().message, "libvirt does not say that ua-dimm0 was " + what);
    }
    DeviceEvents events;
};

TEST_F(DeviceEventsTest, SilenceIsAFaultOfTheRig) {
    expect_silence(events.await_added("ua-dimm0", at_once()), "added");
    expect_silence(events.await_removed("ua-dimm0", at_once()), "removed");
}

TEST_F(DeviceEventsTest, AnotherDevicesEventIsNotThisOnes) {
    events.added("ua-dimm1");
    events.removed("ua-dimm1");
    expect_silence(events.await_added("ua-dimm0", at_once()), "added");
    expect_silence(events.await_removed("ua-dimm0", at_once()), "removed");
}

TEST_F(DeviceEventsTest, MemoryIsNamedByItsObjectOrByItsAlias) {
    events.added("memua-dimm0");
    EXPECT_TRUE(events.await_added("ua-dimm0", soon()));
    events.removed("ua-dimm0");
    EXPECT_TRUE(events.await_removed("ua-dimm0", soon()));
    events.added("ua-dimm0");
    EXPECT_TRUE(events.await_added("ua-dimm0", soon()));
}

TEST_F(DeviceEventsTest, OneThatWasAddedIsNotRemoved) {
    events.added("memua-dimm0");
    expect_silence(events.await_removed("ua-dimm0", at_once()), "removed");
}

TEST_F(DeviceEventsTest, AnEarlierDeviceSaysNothingOfTheNext) {
    events.added("memua-dimm0");
    events.forget("ua-dimm0");
    expect_silence(events.await_added("ua-dimm0", at_once()), "added");
}

TEST_F(DeviceEventsTest, WhatIsSaidLaterEndsTheWait) {
    std::jthread later([this] { events.added("memua-dimm0"); });
    EXPECT_TRUE(events.await_added("ua-dimm0", soon()));
}

}  // namespace
}  // namespace memrig
