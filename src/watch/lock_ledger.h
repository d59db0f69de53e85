// The ledger records which task took, was refused, waited for and released which lock during a trial. It records only
// facts: the oracles judge them.
//
// The ledger watches the locks themselves and the kernel's own lock functions (kernel/locking/mutex.c, percpu-rwsem.c,
// kernel/cpu.c). It keeps the events of the locks of memory hotplug, which it tells by their address:
// device_hotplug_lock, mem_hotplug_lock, cpu_hotplug_lock, acpi_scan_lock and the device locks of memory blocks. So it
// works on stock kernels without lockdep, and an inlined caller hides nothing from it.
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
#include "watch/lock_observer.h"
#include "watch/mutex_watch.h"

namespace memrig {

// The way in which the ledger sees changes of a mutex.
enum class MutexWatching {
    writes,   // by watchpoints on the mutexes that matter: few stops, but more watchpoints than hardware has (TCG only)
    calls,    // by breakpoints on the mutex functions: a stop for every mutex of the kernel (KVM)
    observed  // by the observer, which sees all locks without a stop
};

// The extent of what the ledger watches: everything, or only trylock attempts on mutexes. These show that a writer was
// refused.
enum class LedgerExtent { all, attempts };

// A task waits for a lock that another task took.
struct WaitLink {
    LockEvent wants;
    LockEvent taken;  // by the task of the next link
};
// A cycle in the wait-for graph.
using WaitCycle = std::vector<WaitLink>;

// The devices of memory blocks, as far as they are known before the ledger begins. The rest is learned by stops.
struct KnownDevices {
    std::optional<std::uint64_t> lock_offset;        // Armament::device_lock_offset
    std::map<std::uint64_t, std::uint64_t> devices;  // Armament::devices
};

// The conductor and the symbols must outlive it. Used on the conductor's thread.
class LockLedger {
public:
    // Sets the ledger's breakpoints and watchpoints. Fault::guest if the kernel lacks a function that every kernel has.
    // REQUIRES: `writes` (unless `extent` is `attempts`) only on an architecture where watched writes take effect
    // (Architecture::watched_writes_pass).
    // `owner_offset` is where a mutex has its owner (LayoutProbe::owner_offset()); used only with `writes`.
    static Result<std::unique_ptr<LockLedger>> make(Conductor& conductor, const SymbolTable& symbols,
                                                    MutexWatching watching, LedgerExtent extent = LedgerExtent::all,
                                                    std::uint64_t owner_offset = 0);
    // Makes a ledger of all that the observer sees (MutexWatching::observed). It must outlive the ledger.
    static Result<std::unique_ptr<LockLedger>> make(Conductor& conductor, const SymbolTable& symbols,
                                                    LockObserver& observer, const KnownDevices& known = {});

    [[nodiscard]] const std::vector<LockEvent>& events() const { return events_; }
    // Calls `listener` for each event as it is written. The guest is stopped then.
    [[nodiscard]] Subscription on_event(std::function<void(const LockEvent&)> listener) {
        return listeners_.add(std::move(listener));
    }

    // Calls `listener` for each mutex that the ledger begins to watch from now on, because it has just learned its
    // address. The guest is stopped then.
    [[nodiscard]] Subscription on_mutex(
        std::function<Status(std::uint64_t address, const std::string& name)> listener) {
        return mutex_listeners_.add(std::move(listener));
    }

    // Returns the locks that a task holds now, oldest first, each as the event by which the task took it.
    [[nodiscard]] std::vector<LockEvent> held_by(std::uint64_t task) const;
    // Returns the wish for the lock that the task waits for now, else nothing.
    [[nodiscard]] std::optional<LockEvent> wanted_by(std::uint64_t task) const;
    [[nodiscard]] std::optional<WaitCycle> wait_cycle() const;
    // Returns true if the lock's address is known or can be learned, so that the ledger sees all tasks that take it.
    [[nodiscard]] bool watches(const std::string& lock) const {
        return observer_ != nullptr ? names_.address_of(lock).has_value() : names_.can_know(lock);
    }
    // Returns the memory block whose `struct device` lies at this address, or nothing if the ledger does not know it.
    [[nodiscard]] std::optional<std::uint64_t> block_of_device(std::uint64_t device) const;
    // Returns where the `struct device` of a memory block has its mutex, in bytes, once a task has taken one. Nothing
    // with MutexWatching::calls, too.
    [[nodiscard]] std::optional<std::uint64_t> device_lock_offset() const { return device_lock_offset_; }
    // Returns the functions by which the ledger finds the devices of memory blocks.
    static std::map<std::string, ObservedCall> calls();
    // Returns each task that was seen to own a mutex, as it was then, by the address of its task_struct.
    [[nodiscard]] const std::map<std::uint64_t, TaskStruct>& owners() const {
        return observer_ != nullptr ? observer_->owners() : mutexes_.owners();
    }
    // Returns the address of the word in which a mutex names its owner, or nothing if it is not known.
    [[nodiscard]] std::optional<std::uint64_t> owner_word_of(const std::string& mutex) const;
    // Returns where the ledger contradicts itself, one line each: a task took a lock that another one held, or released
    // one that it did not hold. An event was lost then, and no claim about locks can rest on the ledger. At most a few
    // are kept.
    [[nodiscard]] std::vector<std::string> contradictions() const;
    // Returns the number of events that events() lacks: it keeps the first 100,000. The listeners hear all of them.
    [[nodiscard]] std::size_t dropped() const { return dropped_; }
    // Returns a line for each limit of the ledger that this trial passed. The ledger does not have the rest.
    [[nodiscard]] std::vector<std::string> lacks() const;
    // Returns, for the report, what could not be watched on this kernel and why.
    [[nodiscard]] std::vector<std::string> gaps() const {
        std::vector<std::string> all = gaps_;
        if (std::string gap = mutexes_.gap(); !gap.empty()) all.push_back(std::move(gap));
        return all;
    }

private:
    enum class Effect;
    struct Primitive;
    LockLedger(Conductor& conductor, const SymbolTable& symbols, MutexWatching watching, std::uint64_t owner_offset);
    void note_unknown_locks();
    Status watch_primitive(const Primitive& primitive);
    Status watch_devices();
    Status found_device(std::uint64_t device, std::uint64_t block);
    // Finds out where in `struct device` its mutex lies, from the first call that takes one.
    Status learn_device_lock();
    Result<Response> at_first_device_lock(const Arrival& arrival);
    Status watch_device_lock(std::uint64_t device, std::uint64_t block);
    Status watch_mutex(std::uint64_t address, const std::string& name);
    Result<Response> at_primitive(const Primitive& primitive, const Arrival& arrival);
    Status finish(const Primitive& primitive, const LockEvent& wanted, const Arrival& arrival, std::uint64_t value);
    void write(LockEvent event);
    void check_against_held(const LockEvent& event);
    // Learns the address of each lock that has no symbol from the functions that take it.
    Status watch_takers();
    Status watch_for_mutex();
    Status learn(const Arrival& arrival, bool mutex, bool by_caller);
    // Returns the name of the lock at that address if it is a lock of memory hotplug.
    [[nodiscard]] std::optional<std::string> lock_at(std::uint64_t address) const;

    Conductor& conductor_;
    const SymbolTable& symbols_;
    MutexWatching watching_;
    std::uint64_t owner_offset_;
    CallPaths paths_;
    MutexWatch mutexes_;
    std::optional<std::uint64_t> device_lock_offset_;
    std::vector<Conductor::WatchId> learning_;  // breakpoints that learn device_lock_offset_
    LockNames names_;
    LockObserver* observer_ = nullptr;
    std::map<std::uint64_t, std::string> about_to_take_;  // by task: a lock whose address is not known yet
    // Breakpoints on the mutex functions, set while a task is about to take a mutex whose address is not known yet.
    std::vector<Conductor::WatchId> taking_;
    std::map<std::uint64_t, std::uint64_t> devices_;  // memory blocks by the address of their `struct device`
    std::vector<LockEvent> events_;
    std::size_t dropped_ = 0;
    std::map<std::uint64_t, std::vector<LockEvent>> held_;  // by task
    std::map<std::uint64_t, LockEvent> wanted_;             // by task
    Listeners<void(const LockEvent&)> listeners_;
    Listeners<Status(std::uint64_t, const std::string&)> mutex_listeners_;
    Subscription stops_, observed_;
    std::vector<std::string> gaps_;
    std::vector<std::string> contradictions_;
};

}  // namespace memrig
