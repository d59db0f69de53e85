// The observer in a real guest: what it sees of a lock without any stop is whole and in order, and is what the ledger
// sees by its stops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hotplug/dimm.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"
#include "machine/observer_plugin.h"
#include "play/while_running.h"
#include "probe/kernel_objects.h"
#include "watch/lock_ledger.h"
#include "watch/lock_names.h"
#include "watch/lock_observer.h"

namespace memrig {
namespace {

constexpr auto kObserverPatience = std::chrono::minutes(5);
constexpr std::uint64_t kBytes = 512u << 20;

// A restored guest with an observer, which has not run yet.
class ObserverInAGuest : public testing::Test {
protected:
    void begin(const std::string& kernel_id, const std::string& emulator = "") {
        auto bench = load_bench("q35");
        const auto kernel = resolve_kernel(kernel_id);
        ASSERT_TRUE(bench && kernel);
        ASSERT_TRUE(use_emulator(*bench, emulator));
        const auto guest = GuestStore(*host_, {}).prepare(*bench, *kernel, Accelerator::tcg);
        ASSERT_TRUE(guest) << guest.error().line();
        auto live = begin_guest(*host_, *guest, {}, true);
        ASSERT_TRUE(live) << live.error().line();
        ASSERT_EQ(live->unobserved, "");
        guest_ = live->guest;
        machine_ = std::move(live->machine);
        ASSERT_NE(machine_->observer(), nullptr);
        ASSERT_TRUE(machine_->observer()->is_installed());
        const auto probe = machine_->probe();
        ASSERT_TRUE(probe) << probe.error().line();
        conductor_.emplace(**probe, kernel_stack_bytes(guest_->symbols, (*probe)->architecture()));
        auto made = LockObserver::make(
            *conductor_, guest_->symbols, *machine_->observer(), [&](std::uint64_t address, std::uint64_t size) {
                return host_address_of(machine_->qmp(), 1, address, size, Deadline::after(kObserverPatience));
            });
        ASSERT_TRUE(made) << made.error().line();
        observer_ = *std::move(made);
    }
    // Adds a DIMM while a thread writes "online" to its blocks until each is there.
    void add_and_online() {
        const auto done = while_running(*conductor_, [&]() -> Status {
            MEMRIG_CHECK(machine_->agent().hello(Deadline::after(kObserverPatience)));
            const std::uint64_t block = 32, blocks = kBytes / guest_->hello.block_bytes;
            MEMRIG_CHECK(machine_->agent().start_writer(
                {"onliner", 2, block, block + blocks - 1, "state", "online", WriterTrigger::spin},
                Deadline::after(kObserverPatience)));
            MEMRIG_TRY(const auto dimm, plug_dimm(machine_->qmp(), {"dimm0", "mem-dimm0", kBytes, 0},
                                                  Deadline::after(kObserverPatience)));
            if (!dimm) return fail(Fault::guest, "the DIMM was not added");
            while (machine_->agent().writes().size() < blocks) {
                MEMRIG_TRY(const bool more, machine_->agent().wait_writes(machine_->agent().writes().size(),
                                                                          Deadline::after(kObserverPatience)));
                if (!more) return fail(Fault::guest, "the blocks were not onlined in time");
            }
            return {};
        });
        ASSERT_TRUE(done) << done.error().line();
        const Status looked = conductor_->look();
        ASSERT_TRUE(looked) << looked.error().line();
    }

    void compare_with_ledger();

    std::unique_ptr<Host> host_ = make_qemu_backend();
    std::shared_ptr<const PreparedGuest> guest_;
    std::unique_ptr<Machine> machine_;
    std::optional<Conductor> conductor_;
    std::unique_ptr<LockObserver> observer_;
};

// Each take of a mutex is followed by its release by the same task, and no task gets in between.
void expect_whole(const std::vector<LockEvent>& events, const std::string& lock, std::set<std::uint64_t>& tasks,
                  unsigned& refusals) {
    std::uint64_t holder = 0;
    for (const auto& event : events) {
        if (event.lock != lock) continue;
        tasks.insert(event.task);
        switch (event.action) {
            case LockAction::takes:
                EXPECT_EQ(holder, 0u);
                holder = event.task;
                break;
            case LockAction::releases:
                EXPECT_EQ(holder, event.task);
                holder = 0;
                break;
            case LockAction::refused:
                EXPECT_NE(holder, event.task);
                refusals++;
                break;
            case LockAction::wants: EXPECT_NE(holder, event.task); break;
        }
    }
    EXPECT_EQ(holder, 0u);
}

TEST_F(ObserverInAGuest, TheHistoryOfALockIsWholeWithoutAStop) {
    ASSERT_NO_FATAL_FAILURE(begin("debian-6.12-amd64"));
    ASSERT_NO_FATAL_FAILURE(add_and_online());
    EXPECT_THAT(observer_->faults(), testing::IsEmpty());
    EXPECT_EQ(conductor_->stops(), 0u);
    std::set<std::uint64_t> tasks;
    unsigned refusals = 0;
    expect_whole(observer_->events(), locks::device_hotplug, tasks, refusals);
    EXPECT_GE(tasks.size(), 2u);  // the adder's and the onliner's
    // Nobody is held, so the onliner may come too late to be refused. The next test compares refusals.
    tasks.clear();
    expect_whole(observer_->events(), locks::acpi_scan, tasks, refusals);
    EXPECT_EQ(tasks.size(), 1u);
    const auto count = [&](const char* lock, LockAction action, bool shared) {
        return std::ranges::count_if(observer_->events(), [&](const LockEvent& event) {
            return event.lock == lock && event.action == action && event.shared == shared;
        });
    };
    const auto blocks = static_cast<long>(kBytes / guest_->hello.block_bytes);
    // add_memory_resource() takes it once, and each online_pages() once.
    EXPECT_EQ(count(locks::mem_hotplug, LockAction::takes, false), blocks + 1);
    EXPECT_EQ(count(locks::mem_hotplug, LockAction::releases, false), blocks + 1);
    EXPECT_GE(count(locks::cpu_hotplug, LockAction::takes, true), blocks + 1);
    EXPECT_EQ(count(locks::cpu_hotplug, LockAction::takes, true),
              count(locks::cpu_hotplug, LockAction::releases, true));
}

void ObserverInAGuest::compare_with_ledger() {
    const auto ledger = LockLedger::make(*conductor_, guest_->symbols, MutexWatching::writes);
    ASSERT_TRUE(ledger) << ledger.error().line();
    const Subscription mutexes = (*ledger)->on_mutex(
        [&](std::uint64_t address, const std::string& name) { return observer_->watch_mutex(address, name); });
    ASSERT_NO_FATAL_FAILURE(add_and_online());
    EXPECT_THAT(observer_->faults(), testing::IsEmpty());
    std::size_t compared = 0;
    EXPECT_THAT(observer_disagreements((*ledger)->events(), observer_->events(), compared), testing::IsEmpty());
    EXPECT_GE(compared, 60u);
    fmt::print("{} events compared, {} stops\n", compared, conductor_->stops());
}

TEST_F(ObserverInAGuest, SeesWhatTheLedgerSees) {
    ASSERT_NO_FATAL_FAILURE(begin("debian-6.12-amd64"));
    compare_with_ledger();
}

TEST_F(ObserverInAGuest, SeesItInTheNewerQemuToo) {
    ASSERT_NO_FATAL_FAILURE(begin("debian-6.1-amd64", "debian-12-backports"));
    compare_with_ledger();
}

}  // namespace
}  // namespace memrig
