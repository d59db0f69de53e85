// The lock ledger over a FakeProbe: who took, was refused, waits for and let go of what.
#include "watch/lock_ledger.h"
#include "kernel_fixture.h"

namespace memrig {
namespace {

const std::vector<std::string> kFunctions = {
    "mutex_lock",          "mutex_trylock",  "mutex_lock_interruptible", "mutex_unlock",        "percpu_down_write",
    "percpu_up_write",     "cpus_read_lock", "cpus_read_unlock",         "get_online_mems",     "put_online_mems",
    "bus_probe_device",    "device_online",  "device_offline",           "acpi_device_hotplug", "online_store",
    "add_memory_resource", "somebody"};
const std::vector<std::string> kLocks = {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock",
                                         "acpi_scan_lock", "other_lock"};

constexpr std::uint64_t kDevice = 0xffff888001000000;       // memory32's
constexpr std::uint64_t kOtherDevice = 0xffff888001008000;  // memory33's

class LockLedgerTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        ASSERT_TRUE(made) << made.error().message;
        ledger = *std::move(made);
    }

    // A whole call of `function` on `lock`, which returns `value`.
    void call(unsigned vcpu, std::uint64_t task, const std::string& function, std::uint64_t lock,
              std::uint64_t value = 0) {
        kernel.will_call(vcpu, task, function, "somebody", lock);
        kernel.will_return(vcpu, task, "somebody", value);
    }
    void take(unsigned vcpu, std::uint64_t task, std::uint64_t lock) { call(vcpu, task, "mutex_lock", lock); }
    // A call that does not return.
    void want(unsigned vcpu, std::uint64_t task, std::uint64_t lock, const std::string& function = "mutex_lock") {
        kernel.will_call(vcpu, task, function, "somebody", lock);
    }
    void drop(unsigned vcpu, std::uint64_t task, std::uint64_t lock) {
        kernel.will_call(vcpu, task, "mutex_unlock", "somebody", lock);
    }
    std::uint64_t lock(const std::string& name) { return kernel.at(name); }
    void know_devices() {
        kernel.put_device(kDevice, "memory32");
        kernel.put_device(kOtherDevice, "memory33");
        kernel.will_call(1, kAdder, "bus_probe_device", "somebody", kDevice);
        kernel.will_call(1, kAdder, "bus_probe_device", "somebody", kOtherDevice);
    }

    // "takes device_hotplug_lock", oldest first.
    std::vector<std::string> events() {
        std::vector<std::string> list;
        for (const auto& event : ledger->events())
            list.push_back(std::string(to_string(event.action)) + " " + event.lock + (event.shared ? " (shared)" : ""));
        return list;
    }
    using Lines = std::vector<std::string>;

    FakeKernel kernel{kFunctions, kLocks};
    std::unique_ptr<LockLedger> ledger;
};

TEST_F(LockLedgerTest, AMutexIsWantedTakenAndReleased) {
    take(1, kAdder, lock("device_hotplug_lock"));
    kernel.run();
    ASSERT_EQ(ledger->held_by(kAdder).size(), 1u);
    EXPECT_FALSE(ledger->wanted_by(kAdder));
    drop(2, kAdder, lock("device_hotplug_lock"));
    kernel.run();
    EXPECT_TRUE(ledger->held_by(kAdder).empty());
    EXPECT_EQ(events(),
              (Lines{"wants device_hotplug_lock", "takes device_hotplug_lock", "releases device_hotplug_lock"}));
}

TEST_F(LockLedgerTest, EventsThatItDoesNotKeepAreCounted) {
    constexpr std::size_t kKept = 100'000;
    std::size_t heard = 0;
    const Subscription listening = ledger->on_event([&heard](const LockEvent&) { heard++; });
    while (heard < kKept) {
        for (int i = 0; i < 1000; i++) drop(1, kAdder, lock("device_hotplug_lock"));
        kernel.run();
    }
    EXPECT_EQ(ledger->dropped(), 0u);
    EXPECT_TRUE(ledger->lacks().empty());
    drop(1, kAdder, lock("device_hotplug_lock"));
    take(1, kAdder, lock("mem_hotplug_lock"));
    kernel.run();
    EXPECT_EQ(ledger->events().size(), kKept);
    EXPECT_EQ(ledger->dropped(), 3u);
    EXPECT_EQ(ledger->lacks(), Lines{"the ledger keeps 100000 lock events, and 3 more came"});
    EXPECT_EQ(ledger->held_by(kAdder).size(), 1u) << "who holds what is known all the same";
}

TEST_F(LockLedgerTest, AnEventSaysWhoWhereAndOnWhichVcpu) {
    kernel.will_call(1, kAdder, "mutex_lock", "acpi_device_hotplug", lock("device_hotplug_lock"));
    kernel.will_return(2, kAdder, "acpi_device_hotplug");
    kernel.run();
    ASSERT_EQ(ledger->events().size(), 2u);
    const LockEvent& wants = ledger->events()[0];
    EXPECT_EQ(wants.task, kAdder);
    EXPECT_EQ(wants.vcpu, 1u);
    EXPECT_EQ(wants.instance, lock("device_hotplug_lock"));
    EXPECT_EQ(wants.where, "acpi_device_hotplug+0x41");
    EXPECT_FALSE(wants.shared);
    EXPECT_EQ(ledger->events()[1].vcpu, 2u) << "it has moved meanwhile";
    EXPECT_EQ(ledger->events()[1].where, "acpi_device_hotplug+0x41");
}

TEST_F(LockLedgerTest, AWishIsOpenUntilTheCallReturns) {
    want(1, kAdder, lock("device_hotplug_lock"));
    kernel.run();
    ASSERT_TRUE(ledger->wanted_by(kAdder));
    EXPECT_EQ(ledger->wanted_by(kAdder)->lock, "device_hotplug_lock");
    EXPECT_TRUE(ledger->held_by(kAdder).empty());
}

TEST_F(LockLedgerTest, ALostReleaseContradictsTheNextTaker) {
    take(1, kAdder, lock("device_hotplug_lock"));
    drop(1, kAdder, lock("device_hotplug_lock"));
    take(2, kOnliner, lock("device_hotplug_lock"));
    kernel.run();
    EXPECT_EQ(ledger->contradictions(), Lines{});
    take(1, kAdder, lock("device_hotplug_lock"));
    kernel.run();
    ASSERT_EQ(ledger->contradictions().size(), 1u);
    EXPECT_NE(ledger->contradictions()[0].find("has not released"), std::string::npos);
}

TEST_F(LockLedgerTest, TwoReadersDoNotContradictEachOther) {
    call(1, kAdder, "cpus_read_lock", 0);
    call(2, kOnliner, "cpus_read_lock", 0);
    kernel.run();
    EXPECT_EQ(ledger->contradictions(), Lines{});
}

TEST_F(LockLedgerTest, ATrylockIsRefusedOrTakes) {
    call(2, kOnliner, "mutex_trylock", lock("device_hotplug_lock"), 0);
    call(2, kOnliner, "mutex_trylock", lock("device_hotplug_lock"), 1);
    kernel.run();
    EXPECT_EQ(events(), (Lines{"is refused device_hotplug_lock", "takes device_hotplug_lock"}));
    EXPECT_EQ(ledger->held_by(kOnliner).size(), 1u);
}

TEST_F(LockLedgerTest, ATrylocksResultIsAnInt) {
    call(2, kOnliner, "mutex_trylock", lock("device_hotplug_lock"),
         0xffffffff00000000);  // what is above an int is not part of it
    kernel.run();
    EXPECT_EQ(events(), (Lines{"is refused device_hotplug_lock"}));
}

TEST_F(LockLedgerTest, ALockThatASignalEndsIsRefused) {
    call(2, kOnliner, "mutex_lock_interruptible", lock("device_hotplug_lock"), 0);
    call(2, kAdder, "mutex_lock_interruptible", lock("device_hotplug_lock"), 0xfffffffc);  // -EINTR
    kernel.run();
    EXPECT_EQ(events(), (Lines{"wants device_hotplug_lock", "takes device_hotplug_lock", "wants device_hotplug_lock",
                               "is refused device_hotplug_lock"}));
    EXPECT_FALSE(ledger->wanted_by(kAdder));
    EXPECT_TRUE(ledger->held_by(kAdder).empty());
}

TEST_F(LockLedgerTest, LocksOfOthersAreNotKept) {
    take(1, kAdder, lock("other_lock"));
    take(1, kAdder, kDevice + 0x80);  // a device that nobody knows as a memory block
    kernel.run();
    EXPECT_TRUE(events().empty());
    EXPECT_TRUE(ledger->held_by(kAdder).empty());
}

TEST_F(LockLedgerTest, TheRwsemsAndTheirReaders) {
    take(1, kAdder, lock("acpi_scan_lock"));
    call(1, kAdder, "percpu_down_write", lock("mem_hotplug_lock"));
    call(2, kOnliner, "cpus_read_lock", 0);
    call(2, kOnliner, "get_online_mems", 0);
    kernel.run();
    EXPECT_EQ(events(),
              (Lines{"wants acpi_scan_lock", "takes acpi_scan_lock", "wants mem_hotplug_lock", "takes mem_hotplug_lock",
                     "wants cpu_hotplug_lock (shared)", "takes cpu_hotplug_lock (shared)",
                     "wants mem_hotplug_lock (shared)", "takes mem_hotplug_lock (shared)"}));
    EXPECT_EQ(ledger->events().back().instance, lock("mem_hotplug_lock"));
    kernel.will_call(1, kAdder, "percpu_up_write", "somebody", lock("mem_hotplug_lock"));
    kernel.will_call(2, kOnliner, "put_online_mems", "somebody");
    kernel.will_call(2, kOnliner, "cpus_read_unlock", "somebody");
    kernel.run();
    EXPECT_EQ(ledger->held_by(kAdder).size(), 1u);
    EXPECT_TRUE(ledger->held_by(kOnliner).empty());
}

TEST_F(LockLedgerTest, WhatIsHeldIsListedOldestFirst) {
    take(1, kAdder, lock("acpi_scan_lock"));
    take(1, kAdder, lock("device_hotplug_lock"));
    call(1, kAdder, "percpu_down_write", lock("mem_hotplug_lock"));
    drop(1, kAdder, lock("device_hotplug_lock"));
    kernel.run();
    const auto held = ledger->held_by(kAdder);
    ASSERT_EQ(held.size(), 2u);
    EXPECT_EQ(held[0].lock, "acpi_scan_lock");
    EXPECT_EQ(held[1].lock, "mem_hotplug_lock");
}

TEST_F(LockLedgerTest, AMemoryBlocksDeviceLockIsKnownByItsAddress) {
    know_devices();
    take(2, kOnliner, kDevice + 0x90);
    take(2, kOnliner, kOtherDevice + 0x90);
    take(2, kOnliner, kDevice + 0x2000);  // too far behind to be its own
    kernel.run();
    EXPECT_EQ(ledger->block_of_device(kDevice), 32u);
    EXPECT_EQ(ledger->block_of_device(kOtherDevice), 33u);
    EXPECT_FALSE(ledger->block_of_device(kDevice + 8));
    EXPECT_EQ(events(), (Lines{"wants memory32's device lock", "takes memory32's device lock",
                               "wants memory33's device lock", "takes memory33's device lock"}));
}

TEST_F(LockLedgerTest, AnotherDeviceIsNoMemoryBlock) {
    kernel.put_device(kDevice, "cpu1");
    kernel.will_call(1, kAdder, "bus_probe_device", "somebody", kDevice);
    take(1, kAdder, kDevice + 0x90);
    kernel.run();
    EXPECT_FALSE(ledger->block_of_device(kDevice));
    EXPECT_TRUE(events().empty());
}

TEST_F(LockLedgerTest, ABlockIsLearntWhenItIsOnlinedToo) {
    kernel.put_device(kDevice, "memory40");
    kernel.will_call(2, kOnliner, "device_online", "somebody", kDevice);
    kernel.run();
    EXPECT_EQ(ledger->block_of_device(kDevice), 40u);
}

TEST_F(LockLedgerTest, TheListenerHearsEachEvent) {
    Lines heard;
    const auto listening = ledger->on_event([&](const LockEvent& event) { heard.push_back(to_string(event.action)); });
    take(1, kAdder, lock("device_hotplug_lock"));
    kernel.run();
    EXPECT_EQ(heard, (Lines{"wants", "takes"}));
}

// --- cycles

TEST_F(LockLedgerTest, TwoThatWaitForEachOtherAreACycle) {
    know_devices();
    call(1, kAdder, "percpu_down_write", lock("mem_hotplug_lock"));
    take(2, kOnliner, kDevice + 0x90);
    want(1, kAdder, kDevice + 0x90);
    want(2, kOnliner, lock("mem_hotplug_lock"), "percpu_down_write");
    kernel.run();
    const auto cycle = ledger->wait_cycle();
    ASSERT_TRUE(cycle);
    ASSERT_EQ(cycle->size(), 2u);
    EXPECT_EQ((*cycle)[0].wants.task, kAdder);
    EXPECT_EQ((*cycle)[0].wants.lock, "memory32's device lock");
    EXPECT_EQ((*cycle)[1].wants.task, kOnliner);
    EXPECT_EQ((*cycle)[1].wants.lock, "mem_hotplug_lock");
}

TEST_F(LockLedgerTest, ThreeInARingAreACycle) {
    take(0, kAdder, lock("device_hotplug_lock"));
    take(1, kOnliner, lock("acpi_scan_lock"));
    call(2, kThird, "percpu_down_write", lock("mem_hotplug_lock"));
    want(0, kAdder, lock("acpi_scan_lock"));
    want(1, kOnliner, lock("mem_hotplug_lock"), "percpu_down_write");
    want(2, kThird, lock("device_hotplug_lock"));
    kernel.run();
    ASSERT_TRUE(ledger->wait_cycle());
    EXPECT_EQ(ledger->wait_cycle()->size(), 3u);
}

TEST_F(LockLedgerTest, OneThatWaitsForAnotherIsNoCycle) {
    take(1, kAdder, lock("device_hotplug_lock"));
    want(2, kOnliner, lock("device_hotplug_lock"));
    kernel.run();
    EXPECT_FALSE(ledger->wait_cycle());
}

TEST_F(LockLedgerTest, AChainThatEndsIsNoCycle) {
    take(0, kAdder, lock("device_hotplug_lock"));
    take(1, kOnliner, lock("acpi_scan_lock"));
    want(1, kOnliner, lock("device_hotplug_lock"));
    want(2, kThird, lock("acpi_scan_lock"));
    kernel.run();
    EXPECT_FALSE(ledger->wait_cycle());
}

TEST_F(LockLedgerTest, ACycleEndsWithARelease) {
    take(1, kAdder, lock("device_hotplug_lock"));
    take(2, kOnliner, lock("acpi_scan_lock"));
    want(1, kAdder, lock("acpi_scan_lock"));
    want(2, kOnliner, lock("device_hotplug_lock"));
    kernel.run();
    ASSERT_TRUE(ledger->wait_cycle());
    drop(2, kOnliner, lock("acpi_scan_lock"));
    kernel.run();
    EXPECT_FALSE(ledger->wait_cycle());
}

TEST_F(LockLedgerTest, AReaderCanBeInACycle) {
    take(1, kAdder, lock("device_hotplug_lock"));
    call(2, kOnliner, "get_online_mems", 0);
    want(1, kAdder, lock("mem_hotplug_lock"), "percpu_down_write");
    want(2, kOnliner, lock("device_hotplug_lock"));
    kernel.run();
    EXPECT_TRUE(ledger->wait_cycle());
}

// The writer waits for both readers; the one that closes the ring need not be the first that is found.
TEST_F(LockLedgerTest, ACycleThroughEitherOfTwoReadersIsFound) {
    for (const auto& [in_the_ring, beside_it] : {std::pair(kOnliner, kThird), std::pair(kThird, kOnliner)}) {
        FakeKernel own(kFunctions, kLocks);
        auto made = LockLedger::make(own.conductor, own.symbols, MutexWatching::calls);
        ASSERT_TRUE(made);
        const auto whole = [&](unsigned vcpu, std::uint64_t task, const char* function, const char* lock) {
            own.will_call(vcpu, task, function, "somebody", *lock == '\0' ? 0 : own.at(lock));
            own.will_return(vcpu, task, "somebody");
        };
        whole(0, kAdder, "mutex_lock", "device_hotplug_lock");
        whole(1, in_the_ring, "get_online_mems", "");
        whole(2, beside_it, "get_online_mems", "");
        own.will_call(2, beside_it, "mutex_lock", "somebody", own.at("acpi_scan_lock"));  // free, as far as anybody saw
        own.will_call(1, in_the_ring, "mutex_lock", "somebody", own.at("device_hotplug_lock"));
        own.will_call(0, kAdder, "percpu_down_write", "somebody", own.at("mem_hotplug_lock"));
        own.run();
        const auto cycle = (*made)->wait_cycle();
        ASSERT_TRUE(cycle);
        EXPECT_EQ(cycle->size(), 2u) << "the one beside the ring is no part of it";
    }
}

// --- what a kernel may lack

TEST(LockLedgerMake, LocksWithoutASymbolAreGaps) {
    FakeKernel kernel(kFunctions, {"device_hotplug_lock"});
    const auto made = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
    ASSERT_TRUE(made);
    EXPECT_EQ((*made)->gaps(),
              (std::vector<std::string>{"cpu_hotplug_lock has no symbol", "acpi_scan_lock has no symbol"}))
        << "mem_hotplug_lock is learned from online_pages()";
}

TEST(LockLedgerMake, AKernelWithoutDeviceOnlineIsNone) {
    FakeKernel kernel({"mutex_lock", "mutex_unlock", "bus_probe_device", "device_offline"}, kLocks);
    const auto made = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().fault, Fault::guest);
    EXPECT_NE(made.error().message.find("device_online"), std::string::npos);
}

}  // namespace
}  // namespace memrig
