// R9 over a make-believe kernel: blocks are offlined and their memory is removed under one hold of the lock.
#include "watch/one_hold.h"

#include "kernel_fixture.h"

namespace memrig {
namespace {

const std::vector<std::string> kOneHoldFunctions = {"mutex_lock",
                                                    "mutex_trylock",
                                                    "mutex_unlock",
                                                    "percpu_down_write",
                                                    "percpu_up_write",
                                                    "get_online_mems",
                                                    "bus_probe_device",
                                                    "device_online",
                                                    "device_offline",
                                                    "memory_subsys_offline",
                                                    "try_remove_memory",
                                                    "state_store",
                                                    "acpi_device_hotplug",
                                                    "offline_and_remove_memory",
                                                    "somebody"};
const std::vector<std::string> kOneHoldLocks = {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock",
                                                "acpi_scan_lock"};
constexpr std::uint64_t kOneHoldBlock = 128ull << 20;
constexpr std::uint64_t kFirstDevice = 0xffff888001000000;
// Calls within the operation are made deeper on the stack than the operation itself.
constexpr std::uint64_t kInOperation = 0x40;

class OneHoldTest : public ::testing::Test {
protected:
    void SetUp() override { watch(); }
    // Also where another kernel, or another operation, is watched before.
    void watch() {
        ASSERT_TRUE(kernel.conductor.unwatch_all());
        rule.reset();
        ledger.reset();
        auto made_ledger = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        ASSERT_TRUE(made_ledger) << made_ledger.error().message;
        ledger = *std::move(made_ledger);
        auto made = OneHoldWatch::make(kernel.conductor, *ledger, kernel.symbols, kOneHoldBlock);
        ASSERT_TRUE(made) << made.error().message;
        rule = *std::move(made);
    }
    void begin(std::uint64_t task) { kernel.will_call(1, task, operation, "somebody"); }
    void end(std::uint64_t task) { kernel.will_return(1, task, "somebody"); }
    void lock(std::uint64_t task) {
        kernel.will_call(1, task, "mutex_lock", operation, kernel.at("device_hotplug_lock"), kInOperation);
        kernel.will_return(1, task, operation, 0, kInOperation);
    }
    void unlock(std::uint64_t task) {
        kernel.will_call(1, task, "mutex_unlock", operation, kernel.at("device_hotplug_lock"), kInOperation);
    }
    void offline(std::uint64_t task, std::uint64_t block, std::uint64_t result = 0) {
        const std::uint64_t device = kFirstDevice + block * 0x10000;
        kernel.put_device(device, fmt::format("memory{}", block));
        kernel.will_call(1, task, "memory_subsys_offline", operation, device, kInOperation);
        kernel.will_return(1, task, operation, result, kInOperation);
    }
    // Blocks 32 and 33.
    void remove(std::uint64_t task) {
        kernel.probe.poke_u64(FakeKernel::sp(task) - kInOperation, kernel.at(operation, 0x41));
        kernel.probe.will_stop(
            1, kernel.at("try_remove_memory"),
            {{"rsp", FakeKernel::sp(task) - kInOperation}, {"rdi", 32 * kOneHoldBlock}, {"rsi", 2 * kOneHoldBlock}});
    }
    std::vector<std::string> breaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : rule->breaches())
            list.push_back(breach.rule + " " + breach.function + ": " + breach.reproach);
        return list;
    }

    FakeKernel kernel{kOneHoldFunctions, kOneHoldLocks};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<OneHoldWatch> rule;
    std::string operation = "acpi_device_hotplug";
};

TEST_F(OneHoldTest, OneHoldFromTheOffliningToTheRemovalIsSilent) {
    begin(kAdder);
    lock(kAdder);
    offline(kAdder, 32);
    offline(kAdder, 33);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 1u);
    EXPECT_TRUE(rule->gaps().empty());
}

TEST_F(OneHoldTest, ALockThatIsDroppedAndRetakenInBetweenBreaksR9) {
    for (const char* function : {"acpi_device_hotplug", "offline_and_remove_memory"}) {
        watch();
        operation = function;
        begin(kAdder);
        lock(kAdder);
        offline(kAdder, 32);
        offline(kAdder, 33);
        unlock(kAdder);
        lock(kAdder);
        remove(kAdder);
        EXPECT_EQ(breaches(), std::vector<std::string>{"R9 try_remove_memory: although it has given back "
                                                       "device_hotplug_lock since it took memory32 offline"});
        EXPECT_EQ(rule->breaches()[0].task, kAdder);
        EXPECT_EQ(rule->breaches()[0].held, std::vector<std::string>{"device_hotplug_lock"});
        unlock(kAdder);
        end(kAdder);
        kernel.run();
    }
}

TEST_F(OneHoldTest, ALockThatIsDroppedAndNotRetakenBreaksR9) {
    begin(kAdder);
    lock(kAdder);
    offline(kAdder, 33);
    unlock(kAdder);
    remove(kAdder);
    EXPECT_EQ(breaches().size(), 1u);
}

// As when somebody writes to `state`, and unbinds the driver later.
TEST_F(OneHoldTest, BlocksThatWereOfflineBeforeAreExcused) {
    lock(kAdder);
    offline(kAdder, 32);
    unlock(kAdder);
    begin(kAdder);
    lock(kAdder);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 0u) << "nothing was put to the test";
}

TEST_F(OneHoldTest, AnotherOperationHasAnotherHold) {
    begin(kAdder);
    lock(kAdder);
    offline(kAdder, 32);
    unlock(kAdder);
    end(kAdder);
    begin(kAdder);
    lock(kAdder);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 0u);
}

TEST_F(OneHoldTest, OnlyBlocksThatWereOfflinedAndAreRemovedCount) {
    begin(kAdder);
    lock(kAdder);
    offline(kAdder, 32, static_cast<std::uint32_t>(-EBUSY));
    offline(kAdder, 34);
    unlock(kAdder);
    lock(kAdder);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 0u);
}

TEST_F(OneHoldTest, AnotherTasksOffliningIsItsOwn) {
    begin(kAdder);
    lock(kOnliner);
    offline(kOnliner, 32);
    unlock(kOnliner);
    lock(kAdder);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 0u);
}

// This breaks R3 and R2. There is no hold that could have ended.
TEST_F(OneHoldTest, ATaskWithoutTheLockHasNoHoldToEnd) {
    begin(kAdder);
    offline(kAdder, 32);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 0u);
}

TEST_F(OneHoldTest, ABlockThatIsOfflinedOnceMoreCountsOnce) {
    begin(kAdder);
    lock(kAdder);
    offline(kAdder, 32);
    unlock(kAdder);
    lock(kAdder);
    offline(kAdder, 32);
    remove(kAdder);
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rule->checks(), 1u);
}

TEST_F(OneHoldTest, FunctionsThatTheKernelLacksAreGaps) {
    kernel.remove_function("acpi_device_hotplug");
    watch();
    EXPECT_TRUE(rule->gaps().empty()) << "it has another one";
    kernel.remove_function("offline_and_remove_memory");
    kernel.remove_function("try_remove_memory");
    watch();
    std::vector<std::string> gaps;
    for (const auto& gap : rule->gaps()) gaps.push_back(gap.text());
    EXPECT_EQ(gaps, (std::vector<std::string>{
                        "R9: acpi_device_hotplug has no symbol, none of offline_and_remove_memory_ranges, "
                        "offline_and_remove_memory has a symbol, dlpar_memory has no symbol",
                        "R9: none of try_remove_memory, __remove_memory, remove_memory has a symbol"}));
}

}  // namespace
}  // namespace memrig
