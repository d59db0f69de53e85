// The stall detector: runs the guest until the actors have finished, and tells whether they still get on.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "play/context.h"
#include "play/loop_watch.h"
#include "play/park.h"
#include "probe/symbols.h"
#include "watch/lock_ledger.h"

namespace memrig {

// The progress of the locks: the number of events of the cycle's tasks. Without a cycle, all events count, except those
// of readers that are no actors: a worker of the kernel reads cpu_hotplug_lock every second (vmstat_shepherd()).
std::size_t lock_progress(const std::vector<LockEvent>& events, const std::optional<WaitCycle>& cycle,
                          const std::map<std::string, std::uint64_t>& actors);
// True if the task sleeps in the very call that returns to `where`, as in "acpi_device_hotplug+0x41".
bool sleeps_at(const BlockedTask& task, const std::string& where);

// Not thread-safe; all that it is given must outlive it. An error is a fault of the rig, the host or the user, or an
// agent that does not answer (Fault::guest).
class StallDetector {
public:
    // `ledger` may be null: then only the looks at the blocked tasks tell.
    StallDetector(PlayContext context, LockLedger* ledger, const SymbolTable& symbols, Parking& parking)
        : context_(context), ledger_(ledger), symbols_(symbols), parking_(parking), loops_(context, ledger, symbols) {}

    // `hopeless` says that waiting for the actors makes no sense any more, e.g. as a lock that they need is lost.
    void give_up_when(std::function<bool()> hopeless) { hopeless_ = std::move(hopeless); }
    // `watch` has at_retry() called at the entries of the actors that are threads. They are watched during a look at a
    // cycle alone.
    void watch_retries_by(std::function<Result<std::vector<Conductor::WatchId>>()> watch) {
        watch_retries_ = std::move(watch);
    }
    // Calls `prepare` before each look at the guest's tasks.
    void prepare_looks_by(std::function<Status()> prepare) { prepare_look_ = std::move(prepare); }
    // `blind` says why the rig does not see what the steps wait for, or "": then no step can come true.
    void give_up_if_blind(std::function<std::string()> blind) { blind_ = std::move(blind); }
    [[nodiscard]] std::string blind() const { return blind_ ? blind_() : std::string(); }
    [[nodiscard]] bool hopeless() { return hopeless_ && !context_.roster.all_finished() && hopeless_(); }

    // As Conductor::run_until(), but a report of the agent wakes it, too, and it looks at the guest now and then. An
    // error as soon as the machine is known to be gone: the probe has a line of its own to QEMU, and does not notice
    // that libvirt fell silent.
    Result<RunEnd> run_until(const std::function<bool()>& done, Deadline deadline);
    // Runs until `finished` returns true, the kernel has crashed, or the actors get nowhere: nothing moves, or one of
    // them goes round in a proven loop.
    Result<PlayEnd> run_to_end(const std::function<bool()>& finished, Deadline give_up);
    // The same until all actors have finished. The record gets the end.
    Status settle(Deadline give_up);
    // Looks twice, with time of the guest in between. True if the looks show a standstill (movement_between()).
    Result<bool> look_at_stuck();
    // True if one of the actors that the last look found at work goes round in a loop, which the record gets.
    // REQUIRES: a look at a standstill was taken.
    Result<bool> goes_round(const std::function<bool()>& over);
    // Asks the guest whether the actor's task sleeps in the call by which it asks for a lock. If so, the record gets
    // that observation. The innermost frame of the stack is then the place that asked: the kernel leaves the lock
    // functions (__sched) out of a stack, but not other waits, RCU for one. The guest stands still after.
    Status look_for_sleeper(const Actor& actor);
    // Lets a crashed kernel print its last words, which are evidence.
    Status wait_for_crash_output();

    // The answer to an arrival at the actor's entry. An onliner beside a wait cycle is refused and tries again for ever
    // (lock_device_hotplug_sysfs). Each try costs stops, which leave the agent hardly any time to answer. So the
    // onliner is parked there, where it has no lock, during a look. It is not held: the work that brings the agent its
    // questions (flush_to_ldisc()) may be on its vCPU.
    Result<Response> at_retry(const Actor& actor, const Arrival& arrival);

private:
    Result<StuckSample> look();
    // Looks again once the guest has run for long enough since the first look.
    Result<StuckSample> look_later(const StuckSample& first);
    Result<bool> look_twice();
    // The actors that are in the kernel and do not wait there. `blocked`: the tasks that do. The guest stands still
    // after.
    Result<std::vector<std::string>> awake_beside(const std::vector<BlockedTask>& blocked);
    // Runs the guest until `over`, but no longer than a glance takes. True if that came to no end, and no lock event
    // and no write came meanwhile.
    Result<bool> stands_idle(const std::function<bool()>& over, Deadline give_up);
    // The kernel's own list of locks goes to the console, as further evidence, where the kernel keeps one.
    Status ask_kernel_for_locks();
    Result<BlockedTasks> blocked_tasks();
    [[nodiscard]] bool in_a_cycle() const { return ledger_ != nullptr && ledger_->wait_cycle().has_value(); }

    PlayContext context_;
    LockLedger* ledger_;
    const SymbolTable& symbols_;
    Parking& parking_;
    std::function<bool()> hopeless_;
    std::function<Status()> prepare_look_;
    std::function<std::string()> blind_;
    std::function<Result<std::vector<Conductor::WatchId>>()> watch_retries_;
    LoopWatch loops_;
    std::optional<WaitCycle> looked_at_;  // during a look: the cycle
};

}  // namespace memrig
