// The ledger: who took, was refused, waited for and let go of which lock, while a trial ran. Facts only; the oracles judge.
//
// It watches the locks themselves and the kernel's own lock functions (kernel/locking/mutex.c, percpu-rwsem.c, kernel/cpu.c) and keeps
// what concerns the locks of memory hotplug, told by the lock's address: device_hotplug_lock, mem_hotplug_lock, cpu_hotplug_lock,
// acpi_scan_lock and the device locks of memory blocks. So it works on stock kernels without lockdep, and inlining of a
// caller hides nothing from it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/call_path.h"
#include "watch/lock_event.h"
#include "watch/lock_names.h"
#include "watch/mutex_watch.h"

namespace memrig {

// How changes of a mutex are seen.
enum class MutexWatching {
    writes,  // by watchpoints on the mutexes that matter: few stops, but more watchpoints than hardware has (TCG only)
    calls    // by breakpoints on the mutex functions: a stop for every mutex of the kernel (KVM)
};

// What is watched: everything, or only attempts on mutexes, which is what tells a refused onliner.
enum class LedgerExtent { all, attempts };

// A task waits for a lock that another one took.
struct WaitLink {
    LockEvent wants;
    LockEvent taken;  // by the next link's task
};
// A cycle in the wait-for graph.
using WaitCycle = std::vector<WaitLink>;

// Same thread as the conductor, which must outlive it.
class LockLedger {
public:
    // Sets its breakpoints. Fault::guest where the kernel lacks a function that every kernel has.
    static Result<std::unique_ptr<LockLedger>> make(Conductor& conductor, const SymbolTable& symbols,
                                                    MutexWatching watching, LedgerExtent extent = LedgerExtent::all);

    [[nodiscard]] const std::vector<LockEvent>& events() const { return events_; }
    // Called for each event as it is written, with the guest stopped.
    [[nodiscard]] Subscription on_event(std::function<void(const LockEvent&)> listener) {
        return listeners_.add(std::move(listener));
    }

    // What a task holds now, oldest first: the events by which it took them.
    [[nodiscard]] std::vector<LockEvent> held_by(std::uint64_t task) const;
    // What it waits for now, if it does.
    [[nodiscard]] std::optional<LockEvent> wanted_by(std::uint64_t task) const;
    [[nodiscard]] std::optional<WaitCycle> wait_cycle() const;
    // Whether this lock's address is known, so that all its takers are.
    [[nodiscard]] bool watches(const std::string& lock) const { return names_.can_know(lock); }
    // The memory block whose device this address is, if the ledger has come to know it.
    [[nodiscard]] std::optional<std::uint64_t> block_of_device(std::uint64_t device) const;
    // By the address of its task_struct: each task that was seen to own a mutex, as it was then.
    [[nodiscard]] const std::map<std::uint64_t, TaskStruct>& owners() const { return mutexes_.owners(); }
    // What could not be watched on this kernel, and why: for the report.
    [[nodiscard]] const std::vector<std::string>& gaps() const { return gaps_; }

private:
    enum class Effect;
    struct Primitive;
    LockLedger(Conductor& conductor, const SymbolTable& symbols, MutexWatching watching);
    Status watch_primitive(const Primitive& primitive);
    Status watch_devices();
    Status found_device(std::uint64_t device, std::uint64_t block);
    // Finds out where in `struct device` its mutex lies, from the first call that takes one.
    Status learn_device_lock();
    Result<Response> at_first_device_lock(const Arrival& arrival);
    Status watch_device_lock(std::uint64_t device, std::uint64_t block);
    Result<Response> at_primitive(const Primitive& primitive, const Arrival& arrival);
    Status finish(const Primitive& primitive, const LockEvent& wanted, const Arrival& arrival, std::uint64_t value);
    void write(LockEvent event);
    // Where a lock has no symbol: learns which it is from the functions that take it.
    Status watch_takers();
    Status watch_for_mutex();
    Status learn(const Arrival& arrival, bool mutex, bool by_caller);
    // The name of the lock at that address if it is one of ours.
    [[nodiscard]] std::optional<std::string> lock_at(std::uint64_t address) const;

    Conductor& conductor_;
    const SymbolTable& symbols_;
    MutexWatching watching_;
    CallPaths paths_;
    MutexWatch mutexes_;
    std::optional<std::uint64_t> device_lock_offset_;
    std::vector<Conductor::WatchId> learning_;  // the breakpoints that learn it
    LockNames names_;
    std::map<std::uint64_t, std::string> about_to_take_;  // by task: a lock that is not known yet
    std::vector<Conductor::WatchId> taking_;          // breakpoints on the mutex functions while one is such a mutex
    std::map<std::uint64_t, std::uint64_t> devices_;  // struct device of a memory block: the block
    std::vector<LockEvent> events_;
    std::map<std::uint64_t, std::vector<LockEvent>> held_;  // by task
    std::map<std::uint64_t, LockEvent> wanted_;             // by task
    Listeners<void(const LockEvent&)> listeners_;
    Subscription stops_;
    std::vector<std::string> gaps_;
};

}  // namespace memrig
