// Where a mutex has its owner and how large a stack is, as a task that has just taken a mutex shows it.
#include "watch/layout_probe.h"

#include <gtest/gtest.h>

#include "kernel_fixture.h"

namespace memrig {
namespace {

constexpr std::uint64_t kLayoutMutex = 0xffffffff82000300;
constexpr std::uint64_t kTaskStruct = 0xffff888003004000;
constexpr std::uint64_t kStackEnd = 0x57AC6E9D;

class LayoutProbeTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = LayoutProbe::make(kernel.conductor, kernel.symbols);
        ASSERT_TRUE(made);
        layout = std::move(*made);
        kernel.probe.poke_u64(kTaskStruct + 0x20, kAdder);  // task_struct::stack
    }
    // kAdder tries to take the mutex, whose words are then these.
    void tries(std::uint64_t first, std::uint64_t fourth, std::uint64_t value = 1) {
        kernel.will_call(1, kAdder, "mutex_trylock", "lock_device_hotplug_sysfs", kLayoutMutex);
        kernel.run();
        for (std::uint64_t at = 0; at < 128; at += 8) kernel.probe.poke_u64(kLayoutMutex + at, 0);
        kernel.probe.poke_u64(kLayoutMutex, first);
        kernel.probe.poke_u64(kLayoutMutex + 24, fourth);
        kernel.will_return(1, kAdder, "lock_device_hotplug_sysfs", value);
        kernel.run();
    }

    FakeKernel kernel{{"mutex_trylock", "lock_device_hotplug_sysfs"}};
    std::unique_ptr<LayoutProbe> layout;
};

TEST_F(LayoutProbeTest, AMutexThatBeginsWithItsOwner) {
    tries(kTaskStruct | 1, 0);
    EXPECT_EQ(layout->owner_offset(), 0u);
    EXPECT_EQ(layout->taken(), 1u);
}

// include/linux/rtmutex.h: struct rt_mutex_base is a spinlock, a tree of waiters and the owner.
TEST_F(LayoutProbeTest, AnRtMutexHasItsOwnerBehindItsWaiters) {
    tries(0, kTaskStruct);
    EXPECT_EQ(layout->owner_offset(), 24u);
}

TEST_F(LayoutProbeTest, AWordThatIsAnotherTaskIsNotTheOwner) {
    kernel.probe.poke_u64(kTaskStruct + 0x20, kThird);
    tries(kTaskStruct, 0);
    EXPECT_EQ(layout->owner_offset(), std::nullopt);
}

TEST_F(LayoutProbeTest, ARefusalShowsNothing) {
    tries(kTaskStruct, 0, 0);
    EXPECT_EQ(layout->owner_offset(), std::nullopt);
    EXPECT_EQ(layout->taken(), 0u);
}

TEST_F(LayoutProbeTest, OneThatIsOtherwiseSettlesIt) {
    tries(kTaskStruct, 0);
    tries(0, kTaskStruct);
    tries(kTaskStruct, 0);
    EXPECT_EQ(layout->owner_offset(), std::nullopt);
}

TEST_F(LayoutProbeTest, TheEndOfAStackShowsItsSize) {
    tries(kTaskStruct, 0);
    EXPECT_EQ(layout->stack_bytes(), 0u) << "no end was seen";
    kernel.probe.poke_u64(kAdder, kStackEnd);
    tries(kTaskStruct, 0);
    EXPECT_EQ(layout->stack_bytes(), kernel.conductor.stack_bytes());
}

TEST_F(LayoutProbeTest, StacksOfTwoSizesShowNone) {
    kernel.probe.poke_u64(kAdder, kStackEnd);
    tries(kTaskStruct, 0);
    kernel.probe.poke_u64(FakeKernel::sp(kAdder), kStackEnd);  // a stack of 4096 bytes
    constexpr std::uint64_t higher = 0x100;
    kernel.will_call(1, kAdder, "mutex_trylock", "lock_device_hotplug_sysfs", kLayoutMutex, -higher);
    kernel.run();
    EXPECT_EQ(layout->stack_bytes(), 0u);
}

TEST_F(LayoutProbeTest, ACallThatReturnsAfterTheEndIsNotLookedAt) {
    kernel.will_call(1, kAdder, "mutex_trylock", "lock_device_hotplug_sysfs", kLayoutMutex);
    kernel.run();
    ASSERT_TRUE(layout->end());
    kernel.will_return(1, kAdder, "lock_device_hotplug_sysfs", 1);
    kernel.run();
    EXPECT_EQ(layout->taken(), 0u);
}

// With lockdep, since v6.16.
TEST(LayoutProbeWithLockdep, ATryMayHaveTheNameOfItsNestedForm) {
    FakeKernel lockdep{{"_mutex_trylock_nest_lock", "lock_device_hotplug_sysfs"}};
    const auto made = LayoutProbe::make(lockdep.conductor, lockdep.symbols);
    ASSERT_TRUE(made);
    lockdep.probe.poke_u64(kTaskStruct + 0x20, kAdder);
    lockdep.will_call(1, kAdder, "_mutex_trylock_nest_lock", "lock_device_hotplug_sysfs", kLayoutMutex);
    lockdep.run();
    lockdep.probe.poke_u64(kLayoutMutex, kTaskStruct);
    lockdep.will_return(1, kAdder, "lock_device_hotplug_sysfs", 1);
    lockdep.run();
    EXPECT_EQ((*made)->owner_offset(), 0u);
}

TEST(LayoutProbeWithoutTrylock, KnowsNothing) {
    FakeKernel kernel{{"mutex_lock"}};
    const auto made = LayoutProbe::make(kernel.conductor, kernel.symbols);
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->owner_offset(), std::nullopt);
}

}  // namespace
}  // namespace memrig
