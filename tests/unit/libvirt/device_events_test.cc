// Tests which events of libvirt say that a device was added or removed.
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

TEST_F(DeviceEventsTest, ARefusalIsOfTheLastRequest) {
    const auto refused = [this] { return events.await_refused("ua-dimm0", at_once()); };
    ASSERT_FALSE(refused());
    EXPECT_EQ(refused().error().message, "libvirt does not say that the guest keeps ua-dimm0");
    events.refused("ua-dimm1");
    EXPECT_FALSE(refused());
    events.refused("ua-dimm0");
    EXPECT_TRUE(refused());
    events.forget_refusal("ua-dimm0");
    EXPECT_FALSE(refused());
}

TEST_F(DeviceEventsTest, ASizeIsTheLastThatWasTold) {
    EXPECT_TRUE(events.await_size("ua-vmem0", 0, at_once())) << "nothing is said where nothing was taken";
    const auto silent = events.await_size("ua-vmem0", 256, at_once());
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().fault, Fault::rig);
    EXPECT_EQ(silent.error().message, "QEMU says that the guest has 256 bytes of ua-vmem0, but libvirt says 0");
    events.resized("ua-vmem0", 128);
    events.resized("ua-vmem0", 256);
    events.resized("ua-vmem1", 512);
    EXPECT_TRUE(events.await_size("ua-vmem0", 256, at_once()));
    EXPECT_FALSE(events.await_size("ua-vmem0", 128, at_once()));
    std::jthread later([this] { events.resized("ua-vmem0", 0); });
    EXPECT_TRUE(events.await_size("ua-vmem0", 0, soon()));
}

}  // namespace
}  // namespace memrig
