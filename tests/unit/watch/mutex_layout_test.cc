// Where a mutex has its owner, as a task that has just taken one shows it.
#include "watch/mutex_layout.h"

#include <gtest/gtest.h>

#include "kernel_fixture.h"

namespace memrig {
namespace {

constexpr std::uint64_t kLayoutMutex = 0xffffffff82000300;
constexpr std::uint64_t kTaskStruct = 0xffff888003004000;

class MutexProbeTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = MutexProbe::make(kernel.conductor, kernel.symbols);
        ASSERT_TRUE(made);
        mutexes = std::move(*made);
        kernel.probe.poke_u64(kTaskStruct + 0x20, kAdder);  // task_struct::stack
    }
    // kAdder tries to take the mutex, whose words are then these.
    void tries(std::uint64_t first, std::uint64_t fourth, std::uint64_t value = 1) {
        kernel.will_call(1, kAdder, "mutex_trylock", "lock_device_hotplug_sysfs", kLayoutMutex);
        kernel.run();
        kernel.probe.poke_u64(kLayoutMutex, first);
        kernel.probe.poke_u64(kLayoutMutex + 24, fourth);
        kernel.will_return(1, kAdder, "lock_device_hotplug_sysfs", value);
        kernel.run();
    }

    FakeKernel kernel{{"mutex_trylock", "lock_device_hotplug_sysfs"}};
    std::unique_ptr<MutexProbe> mutexes;
};

TEST_F(MutexProbeTest, AMutexThatBeginsWithItsOwner) {
    tries(kTaskStruct | 1, 0);
    EXPECT_EQ(mutexes->layout(), MutexLayout::owner_first);
}

// include/linux/rtmutex.h: struct rt_mutex_base is a spinlock, a tree of waiters and the owner.
TEST_F(MutexProbeTest, AnRtMutexBeginsWithItsSpinlock) {
    tries(0, kTaskStruct);
    EXPECT_EQ(mutexes->layout(), MutexLayout::elsewhere);
}

TEST_F(MutexProbeTest, AWordThatIsAnotherTaskIsNotTheOwner) {
    kernel.probe.poke_u64(kTaskStruct + 0x20, kThird);
    tries(kTaskStruct, 0);
    EXPECT_EQ(mutexes->layout(), MutexLayout::elsewhere);
}

TEST_F(MutexProbeTest, ARefusalShowsNothing) {
    tries(kTaskStruct, 0, 0);
    EXPECT_EQ(mutexes->layout(), MutexLayout::unknown);
}

TEST_F(MutexProbeTest, OneThatIsOtherwiseSettlesIt) {
    tries(kTaskStruct, 0);
    tries(0, kTaskStruct);
    tries(kTaskStruct, 0);
    EXPECT_EQ(mutexes->layout(), MutexLayout::elsewhere);
}

TEST_F(MutexProbeTest, ACallThatReturnsAfterTheEndIsNotLookedAt) {
    kernel.will_call(1, kAdder, "mutex_trylock", "lock_device_hotplug_sysfs", kLayoutMutex);
    kernel.run();
    ASSERT_TRUE(mutexes->end());
    kernel.will_return(1, kAdder, "lock_device_hotplug_sysfs", 1);
    kernel.run();
    EXPECT_EQ(mutexes->layout(), MutexLayout::unknown);
}

TEST(MutexProbeWithoutTrylock, KnowsNothing) {
    FakeKernel kernel{{"mutex_lock"}};
    const auto made = MutexProbe::make(kernel.conductor, kernel.symbols);
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->layout(), MutexLayout::unknown);
}

}  // namespace
}  // namespace memrig
