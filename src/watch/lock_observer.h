// Sees the locks of memory hotplug through the observer, without a stop of the guest: a second witness beside the
// ledger, which sees them by stops.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/listeners.h"
#include "observer/channel.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_event.h"
#include "watch/observed_functions.h"
#include "watch/observed_locks.h"
#include "watch/owner_tasks.h"
#include "watch/passage.h"

namespace memrig {

// The conductor, the symbols and the channel must outlive it. Used on the conductor's thread.
class LockObserver {
public:
    // Returns where these bytes of the guest are in QEMU's process (host_address_of()).
    using HostAddress = std::function<Result<std::uint64_t>(std::uint64_t address, std::uint64_t size)>;

    // Hands the table over to the observer, and watches each lock of memory hotplug that has a symbol. Fault::guest if
    // this kernel lacks what the observer needs. Calls of the functions that begin at the addresses in `others` are
    // told by on_entry() and on_leave(). REQUIRES: the guest is stopped, and has not yet run in this QEMU.
    static Result<std::unique_ptr<LockObserver>> make(Conductor& conductor, const SymbolTable& symbols,
                                                      ObserverChannel& channel, HostAddress host_address,
                                                      const std::map<std::uint64_t, ObservedCall>& others = {});
    LockObserver(const LockObserver&) = delete;
    LockObserver& operator=(const LockObserver&) = delete;

    // Watches the mutex, too, from now on, or gives it another name: its memory may have been used anew. Its owner is
    // its first word. REQUIRES: the guest is stopped.
    Status watch_mutex(std::uint64_t address, const std::string& name);
    // Turns all that has happened until this stop into events(). Called at every stop of the conductor, too, until it
    // removes all watches: the ledger sees nothing more then, and so events() ends there.
    Status look(const Arrival& stop);
    // Calls `listener` for each event as it is found, at a stop, in the order in which they took place.
    [[nodiscard]] Subscription on_event(std::function<void(const LockEvent&)> listener) {
        return listeners_.add(std::move(listener));
    }
    // Call `listener` for each call of a function that tells_calls_of(), and for each return from one that
    // tells_whole_calls_of(), likewise. An error ends the stop.
    using PassageListener = std::function<Status(const Passage&)>;
    [[nodiscard]] Subscription on_entry(PassageListener listener) { return entries_.add(std::move(listener)); }
    [[nodiscard]] Subscription on_leave(PassageListener listener) { return returns_.add(std::move(listener)); }
    // Calls `listener` for each call of a function that ObservedCall::lock is set for, and for its return, likewise.
    [[nodiscard]] Subscription on_lock_call(std::function<void(const SeenLockCall&)> listener) {
        return lock_calls_.add(std::move(listener));
    }
    // Calls `listener` for each mutex that gets a name from now on.
    [[nodiscard]] Subscription on_name(std::function<void(std::uint64_t address, const std::string&)> listener) {
        return names_.add(std::move(listener));
    }
    [[nodiscard]] bool tells_calls_of(std::uint64_t function) const;
    [[nodiscard]] bool tells_whole_calls_of(std::uint64_t function) const;
    // Compares the arguments of this call, as the probe reads them, with those that the observer will tell, and for the
    // first call in a trial what it returns: a second witness of the registers that the observer reads. Does nothing
    // for a function whose whole calls it does not tell. REQUIRES: called from a handler at the function's entry.
    Status expect_call(const Arrival& entry);
    // Stops the guest at a glance when the vCPU has called the function so often from now on; 0: never. One at a time.
    void stop_after_calls(std::uint64_t function, unsigned vcpu, unsigned calls) { counted_ = {function, vcpu, calls}; }
    // Returns how many of these calls are still to come.
    [[nodiscard]] unsigned calls_to_come() const { return counted_.calls; }
    // Where a vCPU is held, stops the guest at the next glance after a call of this function, once for each task and
    // set of held vCPUs. REQUIRES: tells_calls_of().
    void stop_at_calls_of(std::uint64_t function) { awaited_.insert(function); }
    // Has the conductor look at the rings while the guest runs, from now on, and stop the guest where a task was
    // refused a lock or began to wait for one. A task that tries again and again stops it once for each set of held
    // vCPUs.
    void stop_where_tasks_wait();
    // Returns the events, in the order in which they took place. Their time is that of the stop that found them, and
    // `where` is their one caller that is known.
    [[nodiscard]] const std::vector<LockEvent>& events() const { return events_; }
    // Returns true once the conductor has removed all watches.
    [[nodiscard]] bool has_ended() const { return ended_; }
    // Returns true if the observer sees this lock.
    [[nodiscard]] bool watches(const std::string& lock) const;
    // Forgets the events so far, but not who holds what.
    void forget() { events_.clear(); }
    // Returns a line for each way in which the events are not all that happened, and are not a proof of anything.
    [[nodiscard]] std::vector<std::string> faults() const;
    // Returns each task that was seen to take a lock, as it was then, by the address of its task_struct.
    [[nodiscard]] const std::map<std::uint64_t, TaskStruct>& owners() const { return tasks_.all(); }
    // Has owners() tell of this task, too, which was seen to call a lock's function. REQUIRES: the guest is stopped.
    Status learn_owner(std::uint64_t task);
    // Returns what cannot be watched on this kernel, and why.
    [[nodiscard]] const std::vector<std::string>& gaps() const { return functions_.gaps; }

private:
    struct Watched {
        std::string name;
        std::uint64_t address;
        bool mutex = false;
    };
    LockObserver(Conductor& conductor, const SymbolTable& symbols, ObserverChannel& channel, HostAddress host_address,
                 const std::map<std::uint64_t, ObservedCall>& others);
    // Returns, by CPU, the address of the word in which the kernel keeps the task that runs on it.
    Result<std::vector<std::uint64_t>> current_words();
    // Finds the memory that the kernel maps directly, and where a task_struct has its stack, so that the observer tells
    // the stack of a task that has ended when the guest stops. Without it, the stack is read then.
    Status find_stacks(const std::vector<std::uint64_t>& current_words);
    // True if the memory that the kernel maps directly need not be in one piece: in a paravirtualised guest of Xen.
    Result<bool> is_in_pieces();
    // Returns the memory in one piece around `address`, from the gigabyte's start on, or an empty span.
    Result<ObserverSpan> direct_memory(std::uint64_t address);
    // Puts the entry of each function where the conductor goes on from a breakpoint at its start: behind a nop.
    Status find_entries();
    Status watch_rwsem(const std::string& name);
    Result<std::uint32_t> add_span(std::uint64_t address, std::uint64_t size, const std::string& name);
    Status tell(const ObservedAct& act, const Arrival& stop);
    Result<std::uint64_t> task_of(const ObservedAct& act, unsigned vcpu);
    // Takes what is in the rings while the guest runs. Returns true if it is to be stopped for it.
    bool glance();
    // Compares the owner that each mutex names with the holder by the events: all vCPUs stand still.
    Status check_owners(const Arrival& stop);
    Status expect_answer(const Arrival& entry);
    // Returns the function's place in the table, or nothing.
    [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t function) const;
    // Returns true if the act is a call that stop_after_calls() counts.
    bool count(const ObservedAct& act);
    // Returns true if the guest is to be stopped for this act, the first of its kind.
    bool stops_for(const ObservedAct& act);
    Status tell_passage(const ObservedAct& act, std::uint64_t task, const Arrival& stop);
    void tell_lock_call(const ObservedAct& act, std::uint64_t task);

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
    std::set<std::string> misread_;  // a line for each owner or argument that is not what the events say
    Listeners<void(const LockEvent&)> listeners_;
    Listeners<Status(const Passage&)> entries_, returns_;
    Listeners<void(const SeenLockCall&)> lock_calls_;
    std::map<std::uint64_t, std::uint64_t> callers_;  // by task: its task_struct when it last called such a function
    Listeners<void(std::uint64_t, const std::string&)> names_;
    // The calls that stop_after_calls() still waits for.
    struct Counted {
        std::uint64_t function = 0;
        unsigned vcpu = 0, calls = 0;
    } counted_;
    // The numbers that calls and returns have to tell, by task and function.
    using Expected = std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::uint64_t>>;
    void check(Expected& expected, const Passage& passage, const std::vector<std::uint64_t>& told, const char* does);
    Expected expected_calls_, expected_answers_;
    bool follows_an_answer_ = false;
    std::set<std::uint64_t> awaited_;   // functions
    std::vector<ObservedAct> glanced_;  // acts that were found while the guest ran, for the next stop
    // The waits and calls that the guest was stopped for: task, lock or function, and action (nothing: a call).
    std::set<std::tuple<std::uint64_t, std::uint32_t, std::optional<LockAction>>> stopped_for_;
    std::set<unsigned> held_;  // the vCPUs that were held then
    Subscription stops_, end_, glances_;
    bool ended_ = false;
};

// Returns where the two histories differ, for each lock and task: a line for the first difference of each, at most a
// few. Empty if they agree. `compared` is the number of events that both have. The ledger sees the end of a call a
// little later than the observer, so the observer may be ahead by the last event of a task. A wish before a lock is
// taken is compared only if both have one: the ledger may not have seen a short one.
std::vector<std::string> observer_disagreements(const std::vector<LockEvent>& ledger,
                                                const std::vector<LockEvent>& observer, std::size_t& compared);

}  // namespace memrig
