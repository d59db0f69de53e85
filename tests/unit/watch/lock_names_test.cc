// Which address is which lock: by symbol, or learned from those who take it; and the ledger on a kernel without symbols
// for data.
#include "watch/lock_names.h"
#include "kernel_fixture.h"
#include "watch/lock_ledger.h"

namespace memrig {
namespace {

constexpr std::uint64_t kLock = 0xffffffff83000100, kOtherLock = 0xffffffff83000200;

TEST(LockNames, AreTheSymbols) {
    const FakeKernel kernel({}, {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "acpi_scan_lock"});
    const LockNames names(kernel.symbols);
    EXPECT_EQ(names.known().size(), 4u);
    for (const char* lock : {locks::device_hotplug, locks::mem_hotplug, locks::cpu_hotplug, locks::acpi_scan}) {
        EXPECT_EQ(names.address_of(lock), kernel.at(lock));
        EXPECT_EQ(names.name_of(kernel.at(lock)), lock);
        EXPECT_TRUE(names.can_know(lock));
    }
    EXPECT_FALSE(names.name_of(kLock));
    EXPECT_FALSE(names.address_of("other_lock"));
    EXPECT_FALSE(names.can_know("other_lock"));
    EXPECT_TRUE(names.takers().empty());
}

TEST(LockNames, WithoutASymbolTakersAreNamed) {
    const FakeKernel kernel({"lock_device_hotplug", "mem_hotplug_begin", "online_store"});
    LockNames names(kernel.symbols);
    using Takers = std::map<std::string, std::string>;
    EXPECT_TRUE(names.can_know(locks::device_hotplug));
    EXPECT_TRUE(names.can_know(locks::mem_hotplug));
    EXPECT_FALSE(names.can_know(locks::cpu_hotplug)) << "nobody is there to learn it from";
    EXPECT_EQ(names.takers(),
              (Takers{{"lock_device_hotplug", locks::device_hotplug}, {"mem_hotplug_begin", locks::mem_hotplug}}));
    EXPECT_TRUE(names.learn(kLock, locks::device_hotplug));
    EXPECT_EQ(names.name_of(kLock), locks::device_hotplug);
    EXPECT_EQ(names.takers(), (Takers{{"mem_hotplug_begin", locks::mem_hotplug}}));
}

TEST(LockNames, WhatIsKnownIsNotLearnedAnew) {
    const FakeKernel kernel({"lock_device_hotplug"});
    LockNames names(kernel.symbols);
    EXPECT_TRUE(names.learn(kLock, locks::device_hotplug));
    EXPECT_FALSE(names.learn(kOtherLock, locks::device_hotplug));
    EXPECT_FALSE(names.learn(kLock, locks::mem_hotplug)) << "that address has a name";
    EXPECT_EQ(names.address_of(locks::device_hotplug), kLock);
    EXPECT_FALSE(names.name_of(kOtherLock));
}

TEST(LockNames, ASymbolGoesBeforeAnyTaker) {
    const FakeKernel kernel({"lock_device_hotplug"}, {"device_hotplug_lock"});
    LockNames names(kernel.symbols);
    EXPECT_TRUE(names.takers().empty());
    EXPECT_FALSE(names.learn(kLock, locks::device_hotplug));
    EXPECT_EQ(names.address_of(locks::device_hotplug), kernel.at("device_hotplug_lock"));
}

TEST(LockNames, WhoTakesALockByADirectCallTellsIt) {
    const FakeKernel kernel({"lock_device_hotplug"});
    LockNames names(kernel.symbols);
    EXPECT_EQ(names.taken_by("online_store"), locks::device_hotplug);
    EXPECT_EQ(names.taken_by("online_pages"), locks::mem_hotplug);
    EXPECT_FALSE(names.taken_by("somebody"));
    EXPECT_FALSE(names.taken_by(""));
    EXPECT_TRUE(names.learn(kLock, locks::device_hotplug));
    EXPECT_FALSE(names.taken_by("online_store")) << "it is known";
}

// --- the ledger on such a kernel

const std::vector<std::string> kLockNamesFunctions = {
    "mutex_lock",          "mutex_trylock", "mutex_unlock",   "percpu_down_write", "percpu_up_write",
    "bus_probe_device",    "device_online", "device_offline", "online_store",      "lock_device_hotplug",
    "add_memory_resource", "online_pages",  "somebody",       "mem_hotplug_begin"};

// The task_structs; the low bits are the mutex's flags.
constexpr std::uint64_t kAdderTask = 0xffff888003000000, kOnlinerTask = 0xffff888003002000;

class LedgerWithoutData : public ::testing::TestWithParam<MutexWatching> {
protected:
    void SetUp() override {
        auto made = LockLedger::make(kernel.conductor, kernel.symbols, GetParam());
        ASSERT_TRUE(made) << made.error().message;
        ledger = *std::move(made);
    }
    [[nodiscard]] bool by_writes() const { return GetParam() == MutexWatching::writes; }
    // A whole call of a lock function by `caller`, itself called.
    void take(unsigned vcpu, std::uint64_t task, const std::string& caller, const std::string& function,
              std::uint64_t lock, std::uint64_t value = 0) {
        kernel.will_call(vcpu, task, caller, "somebody");
        kernel.will_call(vcpu, task, function, caller, lock, 0x40);
        if (by_writes() && function.starts_with("mutex") && value == 0)
            kernel.probe.will_write(vcpu, kernel.at(function, 0x20), lock, task == kAdder ? kAdderTask : kOnlinerTask,
                                    {{"rsp", FakeKernel::sp(task) - 0x60}});
        kernel.will_return(vcpu, task, caller, value, 0x40);
    }
    std::vector<std::string> held_by(std::uint64_t task) {
        std::vector<std::string> list;
        for (const auto& event : ledger->held_by(task)) list.push_back(event.lock);
        return list;
    }
    using Lines = std::vector<std::string>;

    FakeKernel kernel{kLockNamesFunctions};
    std::unique_ptr<LockLedger> ledger;
};

TEST_P(LedgerWithoutData, KnowsWhatItCanLearn) {
    EXPECT_TRUE(ledger->watches(locks::device_hotplug));
    EXPECT_TRUE(ledger->watches(locks::mem_hotplug));
    EXPECT_EQ(ledger->gaps(), (Lines{"cpu_hotplug_lock has no symbol", "acpi_scan_lock has no symbol"}));
}

TEST_P(LedgerWithoutData, LearnsDeviceHotplugLockFromLockDeviceHotplug) {
    take(1, kAdder, "lock_device_hotplug", "mutex_lock", kLock);
    kernel.run();
    EXPECT_EQ(held_by(kAdder), Lines{locks::device_hotplug});
    take(1, kAdder, "somebody", "mutex_lock", kOtherLock);
    kernel.run();
    EXPECT_EQ(held_by(kAdder), Lines{locks::device_hotplug}) << "another mutex is none of ours";
}

TEST_P(LedgerWithoutData, ALearnedMutexIsWatchedLikeAnyOther) {
    take(1, kAdder, "lock_device_hotplug", "mutex_lock", kLock);
    kernel.run();
    EXPECT_EQ(kernel.probe.watchpoints.contains(kLock), by_writes());
    EXPECT_EQ(kernel.probe.breakpoints.contains(kernel.at("mutex_lock")), !by_writes())
        << "every mutex of the kernel would stop it";
}

TEST_P(LedgerWithoutData, LearnsDeviceHotplugLockFromATrylockByOnlineStore) {
    constexpr std::uint64_t refused = 0;
    kernel.probe.poke_u64(kLock, kAdderTask);  // another has it
    kernel.will_call(2, kOnliner, "mutex_trylock", "online_store", kLock);
    kernel.will_return(2, kOnliner, "online_store", refused);
    kernel.run();
    ASSERT_FALSE(ledger->events().empty());
    const LockEvent& event = ledger->events().back();
    EXPECT_EQ(event.action, LockAction::refused);
    EXPECT_EQ(event.lock, locks::device_hotplug);
    EXPECT_EQ(event.task, kOnliner);
    EXPECT_EQ(event.where, "online_store+0x41");
}

TEST_P(LedgerWithoutData, LearnsMemHotplugLockFromMemHotplugBegin) {
    kernel.will_call(1, kAdder, "mem_hotplug_begin", "somebody");
    kernel.will_call(1, kAdder, "percpu_down_write", "mem_hotplug_begin", kOtherLock);
    kernel.will_return(1, kAdder, "mem_hotplug_begin");
    kernel.run();
    EXPECT_EQ(held_by(kAdder), Lines{locks::mem_hotplug});
    kernel.will_call(1, kAdder, "percpu_up_write", "somebody", kOtherLock);
    kernel.run();
    EXPECT_TRUE(held_by(kAdder).empty());
}

TEST_P(LedgerWithoutData, AWriterOfAnotherRwsemTellsNothing) {
    kernel.will_call(1, kAdder, "percpu_down_write", "somebody", kOtherLock);
    kernel.will_return(1, kAdder, "somebody");
    kernel.will_call(2, kOnliner, "mutex_trylock", "mem_hotplug_begin", kLock);  // the wrong kind of lock
    kernel.will_return(2, kOnliner, "mem_hotplug_begin", 1);
    kernel.run();
    EXPECT_TRUE(ledger->events().empty());
}

INSTANTIATE_TEST_SUITE_P(Ledger, LedgerWithoutData, ::testing::Values(MutexWatching::writes, MutexWatching::calls),
                         [](const auto& tested) {
                             return std::string(tested.param == MutexWatching::writes ? "ByWrites" : "ByCalls");
                         });

}  // namespace
}  // namespace memrig
