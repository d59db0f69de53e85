// The ledger on top of the watch for writes to mutexes.
#include "mutex_watch_fixture.h"
#include "watch/lock_ledger.h"

namespace memrig {
namespace {

TEST(LockLedgerByWrites, SeesTheNamedMutexesAndLearnsWhereADeviceKeepsIts) {
    FakeKernel kernel({"mutex_lock", "mutex_trylock", "mutex_unlock", "bus_probe_device", "device_online",
                       "device_offline", "somebody"},
                      {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "acpi_scan_lock"});
    const auto ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::writes);
    constexpr std::uint64_t device = 0xffff888001000000, other = 0xffff888001010000, offset = 0x80;
    EXPECT_EQ(kernel.probe.watchpoints,
              (std::set<std::uint64_t>{kernel.at("device_hotplug_lock"), kernel.at("acpi_scan_lock")}));
    EXPECT_FALSE(kernel.probe.breakpoints.contains(kernel.at("mutex_lock")))
        << "every mutex of the kernel would stop it";

    std::vector<std::pair<std::uint64_t, std::string>> learned;
    const Subscription mutexes = ledger->on_mutex([&](std::uint64_t address, const std::string& name) -> Status {
        learned.emplace_back(address, name);
        return {};
    });
    kernel.put_device(device, "memory32");
    kernel.will_call(1, kAdder, "bus_probe_device", "somebody", device);
    kernel.will_call(1, kAdder, "mutex_lock", "somebody", 0xffff888009999000);  // nothing of ours
    kernel.will_call(1, kAdder, "mutex_lock", "somebody", device + offset);
    kernel.run();
    EXPECT_TRUE(kernel.probe.watchpoints.contains(device + offset));
    EXPECT_FALSE(kernel.probe.breakpoints.contains(kernel.at("mutex_lock"))) << "it is learnt once";

    kernel.put_device(other, "memory33");
    kernel.will_call(1, kAdder, "bus_probe_device", "somebody", other);
    kernel.probe.will_write(1, kernel.at("mutex_lock", 8), device + offset, kMutexWatchAdderTask,
                            {{"rsp", FakeKernel::sp(kAdder)}});
    kernel.run();
    EXPECT_TRUE(kernel.probe.watchpoints.contains(other + offset));
    ASSERT_EQ(ledger->held_by(kAdder).size(), 1u);
    EXPECT_EQ(ledger->held_by(kAdder)[0].lock, "memory32's device lock");
    EXPECT_EQ(learned, (std::vector<std::pair<std::uint64_t, std::string>>{
                           {device + offset, "memory32's device lock"}, {other + offset, "memory33's device lock"}}));
}

TEST(LockLedgerByWrites, WaitersThatCannotBeFoundAreAGap) {
    FakeKernel kernel({"mutex_lock", "mutex_trylock", "mutex_unlock", "bus_probe_device", "device_online",
                       "device_offline", "somebody"},
                      {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "acpi_scan_lock"});
    const auto ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::writes);
    EXPECT_EQ(ledger->gaps(), Lines{});
    const std::uint64_t lock = kernel.at("device_hotplug_lock");
    for (const std::uint64_t owner : {kMutexWatchAdderTask, kMutexWatchAdderTask | kWaiters})
        kernel.probe.will_write(1, kernel.at("mutex_lock", 8), lock, owner, {{"rsp", FakeKernel::sp(kAdder)}});
    kernel.run();
    EXPECT_EQ(ledger->gaps(),
              Lines{"the tasks that wait for a mutex: their list was not found in \"device_hotplug_lock\""});
}

TEST(LockLedgerByWrites, ARefusedTrylockIsSeenAtItsReturnAndATakenOneOnce) {
    FakeKernel kernel({"mutex_lock", "mutex_trylock", "mutex_unlock", "bus_probe_device", "device_online",
                       "device_offline", "online_store"},
                      {"device_hotplug_lock"});
    const auto ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::writes);
    const std::uint64_t lock = kernel.at("device_hotplug_lock");
    const auto written = [&](unsigned vcpu, std::uint64_t task, std::uint64_t owner) {
        kernel.probe.will_write(vcpu, kernel.at("mutex_trylock", 0x20), lock, owner,
                                {{"rsp", FakeKernel::sp(task) - 0x40}});
    };
    written(1, kAdder, kMutexWatchAdderTask);
    kernel.will_call(2, kOnliner, "mutex_trylock", "online_store", lock);
    written(2, kOnliner, kMutexWatchAdderTask);
    kernel.will_return(2, kOnliner, "online_store", 0);
    kernel.run();
    EXPECT_EQ(ledger->events().back().action, LockAction::refused);
    EXPECT_EQ(ledger->events().back().where, "online_store+0x41");
    EXPECT_FALSE(ledger->wanted_by(kOnliner)) << "a trylock does not wait";

    written(1, kAdder, 0);
    kernel.will_call(2, kOnliner, "mutex_trylock", "online_store", lock);
    written(2, kOnliner, kMutexWatchOnlinerTask);
    kernel.will_return(2, kOnliner, "online_store", 1);
    kernel.run();
    EXPECT_EQ(ledger->held_by(kOnliner).size(), 1u);
}

}  // namespace
}  // namespace memrig
