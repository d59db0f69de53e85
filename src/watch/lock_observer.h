// Sees the locks of memory hotplug through the observer, without a stop of the guest: a second witness beside the
// ledger, which sees them by stops.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "observer/channel.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_event.h"
#include "watch/observed_functions.h"
#include "watch/observed_locks.h"
#include "watch/owner_tasks.h"

namespace memrig {

// The conductor, the symbols and the channel must outlive it. Used on the conductor's thread.
class LockObserver {
public:
    // Returns where these bytes of the guest are in QEMU's process (host_address_of()).
    using HostAddress = std::function<Result<std::uint64_t>(std::uint64_t address, std::uint64_t size)>;

    // Hands the table over to the observer, and watches each lock of memory hotplug that has a symbol. Fault::guest if
    // this kernel lacks what the observer needs. REQUIRES: the guest is stopped, and has not yet run in this QEMU.
    static Result<std::unique_ptr<LockObserver>> make(Conductor& conductor, const SymbolTable& symbols,
                                                      ObserverChannel& channel, HostAddress host_address);
    LockObserver(const LockObserver&) = delete;
    LockObserver& operator=(const LockObserver&) = delete;

    // Watches the mutex, too, from now on. Its owner is its first word. REQUIRES: the guest is stopped.
    Status watch_mutex(std::uint64_t address, const std::string& name);
    // Turns all that has happened until this stop into events(). Called at every stop of the conductor, too, until it
    // removes all watches: the ledger sees nothing more then, and so events() ends there.
    Status look(const Arrival& stop);
    // Returns the events, in the order in which they took place. Their time is that of the stop that found them, and
    // their callers are not known.
    [[nodiscard]] const std::vector<LockEvent>& events() const { return events_; }
    // Returns true once the conductor has removed all watches.
    [[nodiscard]] bool has_ended() const { return ended_; }
    // Returns true if the observer sees this lock.
    [[nodiscard]] bool watches(const std::string& lock) const;
    // Forgets the events so far, but not who holds what.
    void forget() { events_.clear(); }
    // Returns a line for each way in which the events are not all that happened, and are not a proof of anything.
    [[nodiscard]] std::vector<std::string> faults() const;
    // Returns what cannot be watched on this kernel, and why.
    [[nodiscard]] const std::vector<std::string>& gaps() const { return functions_.gaps; }

private:
    struct Watched {
        std::string name;
        std::uint64_t address;
    };
    LockObserver(Conductor& conductor, const SymbolTable& symbols, ObserverChannel& channel, HostAddress host_address);
    // Returns, by CPU, the address of the word in which the kernel keeps the task that runs on it.
    Result<std::vector<std::uint64_t>> current_words();
    // Finds the memory that the kernel maps directly, and where a task_struct has its stack, so that the observer tells
    // the stack of a task that has ended when the guest stops. Without it, the stack is read then.
    Status find_stacks(const std::vector<std::uint64_t>& current_words);
    // Returns the memory in one piece around `address`, from the gigabyte's start on, or an empty span.
    Result<ObserverSpan> direct_memory(std::uint64_t address);
    // Puts the entry of each function where the conductor goes on from a breakpoint at its start: behind a nop.
    Status find_entries();
    Status watch_rwsem(const std::string& name);
    Result<std::uint32_t> add_span(std::uint64_t address, std::uint64_t size, const std::string& name);
    Status tell(const ObservedAct& act, const Arrival& stop);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    ObserverChannel& channel_;
    HostAddress host_address_;
    ObservedFunctions functions_;
    ObservedLocks locks_;
    OwnerTasks tasks_;
    std::vector<Watched> watched_;  // by ObservedAct::lock
    std::vector<LockEvent> events_;
    std::size_t dropped_ = 0;
    Subscription stops_, end_;
    bool ended_ = false;
};

// Returns where the two histories differ, for each lock and task: a line for the first difference of each, at most a
// few. Empty if they agree. `compared` is the number of events that both have. The ledger sees the end of a call a
// little later than the observer, so the observer may be ahead by the last event of a task. A wish before a lock is
// taken is compared only if both have one: the ledger may not have seen a short one.
std::vector<std::string> observer_disagreements(const std::vector<LockEvent>& ledger,
                                                const std::vector<LockEvent>& observer, std::size_t& compared);

}  // namespace memrig
