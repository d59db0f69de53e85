// The rules, over a make-believe kernel: each breach is seen, and what keeps the rule is silent.
#include "oracle/rules.h"
#include "kernel_fixture.h"

namespace memrig {
namespace {

const std::vector<std::string> kFunctions = {
    "mutex_lock",          "mutex_trylock",        "mutex_unlock",     "percpu_down_write", "percpu_up_write",
    "get_online_mems",     "put_online_mems",      "bus_probe_device", "device_online",     "device_offline",
    "add_memory_resource", "memory_subsys_online", "arch_add_memory",  "somebody",          "state_store"};
const std::vector<std::string> kLocks = {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock",
                                         "acpi_scan_lock"};

constexpr std::uint64_t kBlockBytes = 128ull << 20;

class RulesTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made_ledger = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        ASSERT_TRUE(made_ledger) << made_ledger.error().message;
        ledger = *std::move(made_ledger);
        auto made = RuleWatch::make(kernel.conductor, *ledger, kernel.symbols, kBlockBytes);
        ASSERT_TRUE(made) << made.error().message;
        rules = *std::move(made);
    }
    void call(std::uint64_t task, const std::string& function, const std::string& lock) {
        kernel.will_call(1, task, function, "somebody", kernel.at(lock));
        kernel.will_return(1, task, "somebody");
    }
    void enter(std::uint64_t task, const std::string& function) { kernel.will_call(1, task, function, "somebody"); }
    std::vector<std::string> breaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : rules->breaches())
            list.push_back(breach.rule + " " + breach.function + " " + breach.lock);
        return list;
    }

    FakeKernel kernel{kFunctions, kLocks};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<RuleWatch> rules;
};

TEST_F(RulesTest, AnAdderThatHoldsTheLocksIsSilent) {
    call(kAdder, "mutex_lock", "device_hotplug_lock");
    enter(kAdder, "add_memory_resource");
    call(kAdder, "percpu_down_write", "mem_hotplug_lock");
    enter(kAdder, "arch_add_memory");
    EXPECT_TRUE(breaches().empty());
    EXPECT_EQ(rules->checks(), 2u);
}

TEST_F(RulesTest, AddingWithoutDeviceHotplugLockBreaksR1) {
    call(kAdder, "mutex_lock", "acpi_scan_lock");
    enter(kAdder, "add_memory_resource");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R1 add_memory_resource device_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].task, kAdder);
    EXPECT_EQ(rules->breaches()[0].held, std::vector<std::string>{"acpi_scan_lock"});
}

TEST_F(RulesTest, AnothersLockIsNotOnesOwn) {
    call(kOnliner, "mutex_lock", "device_hotplug_lock");
    enter(kAdder, "add_memory_resource");
    EXPECT_EQ(breaches().size(), 1u);
}

TEST_F(RulesTest, ALockThatWasDroppedIsNotHeld) {
    call(kOnliner, "mutex_lock", "device_hotplug_lock");
    kernel.will_call(1, kOnliner, "mutex_unlock", "somebody", kernel.at("device_hotplug_lock"));
    enter(kOnliner, "memory_subsys_online");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R3 memory_subsys_online device_hotplug_lock"});
}

TEST_F(RulesTest, AReaderMayNotChangeTheMap) {
    kernel.will_call(1, kAdder, "get_online_mems", "somebody");
    kernel.will_return(1, kAdder, "somebody");
    enter(kAdder, "arch_add_memory");
    EXPECT_EQ(breaches(), std::vector<std::string>{"R4 arch_add_memory mem_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].held, std::vector<std::string>{"mem_hotplug_lock for reading"});
}

// state_store() is called deeper on the stack's other side, so that the two return addresses do not overwrite each other.
TEST_F(RulesTest, AStoreFunctionGivesBackWhatItTook) {
    constexpr std::uint64_t deep = 0x40;
    for (const bool gives_back : {true, false}) {
        kernel.will_call(1, kOnliner, "state_store", "somebody");
        kernel.will_call(1, kOnliner, "mutex_lock", "state_store", kernel.at("device_hotplug_lock"), deep);
        kernel.will_return(1, kOnliner, "state_store", 0, deep);
        if (gives_back)
            kernel.will_call(1, kOnliner, "mutex_unlock", "state_store", kernel.at("device_hotplug_lock"), deep);
        kernel.will_return(1, kOnliner, "somebody");
    }
    EXPECT_EQ(breaches(), std::vector<std::string>{"R6 state_store device_hotplug_lock"});
    EXPECT_EQ(rules->breaches()[0].reproach, "and returned without giving back device_hotplug_lock");
}

TEST_F(RulesTest, WhatTheKernelDoesNotHaveIsTold) {
    // try_remove_memory and others are not in this kernel.
    EXPECT_FALSE(rules->gaps().empty());
    EXPECT_EQ(rules->gaps().front(), "R2: try_remove_memory has no symbol");
}

}  // namespace
}  // namespace memrig
