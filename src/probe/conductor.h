// The conductor runs the guest from breakpoint to breakpoint: it calls handlers, holds and releases vCPUs, and makes
// calls return at once.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/listeners.h"
#include "probe/probe.h"

namespace memrig {

// A vCPU that has come to a watched address. All vCPUs are stopped.
struct Arrival {
    unsigned vcpu;
    std::uint64_t address;
    Registers registers;
    std::uint64_t task;  // the base of the kernel stack: identifies the task on any vCPU
    SteadyTime at;
    bool again = false;  // the task is back from a function that a Response::call() here sent it to
};

// Says what the vCPU that arrived does next.
struct Response {
    enum class Kind {
        pass,   // goes on
        hold,   // stays until release()
        leave,  // returns at once from the function whose entry this is
        call,   // calls another function, then arrives here again with the registers that it had
        jump    // goes on elsewhere: enters another function instead of this one, or goes round a call
    };
    Kind kind = Kind::pass;
    std::optional<std::uint64_t> value;  // for leave: the return value. Without it, the register keeps its value
    std::uint64_t function = 0;          // for call and jump: where to go, for call a function's entry
    std::uint64_t argument = 0;          // for call: the function's first argument

    static Response pass() { return {}; }
    static Response hold() { return {Kind::hold, {}}; }
    static Response leave(std::optional<std::uint64_t> value = {}) { return {Kind::leave, value}; }
    static Response call(std::uint64_t function, std::uint64_t argument) {
        return {Kind::call, {}, function, argument};
    }
    static Response jump(std::uint64_t function) { return {Kind::jump, {}, function}; }
};

// The order in which the handlers at one address are called: `park` first, `observe` last. Handlers of the same
// priority are called in the order in which they were added.
enum class Priority {
    park,    // may send the task to another function first: the other handlers see it only when it is back for good
    rule,    // judges a call even if an elision makes it return at once
    elide,   // makes a call return at once, or changes its arguments
    observe  // sees a call that really takes place, and may hold the vCPU there
};

enum class RunEnd { done, expired };

// Drives a Probe. Not thread-safe. Handlers run on the caller's thread while the guest is stopped. They may watch,
// unwatch and read. They must neither run the guest nor release a vCPU.
class Conductor {
public:
    using Handler = std::function<Result<Response>(const Arrival&)>;
    // Called when a function returns; `value` is its return value.
    using ReturnHandler = std::function<Status(const Arrival&, std::uint64_t value)>;
    using WatchId = std::uint64_t;

    // `stack_bytes` is kernel_stack_bytes() of the guest's kernel. REQUIRES: it is a power of two.
    Conductor(Probe& probe, std::uint64_t stack_bytes);

    Probe& probe() { return probe_; }
    [[nodiscard]] std::uint64_t stack_bytes() const { return stack_bytes_; }

    // Calls `handler` for each vCPU that comes to `address`. Pauses the guest if it runs. If several handlers watch one
    // address, hold wins over pass. After a leave, a call or a jump, those behind it are not called: the function is
    // not entered, or not yet. REQUIRES: a priority other than `observe` only at a function's entry.
    Result<WatchId> watch(std::uint64_t address, Handler handler, Priority priority = Priority::observe);
    Status unwatch(WatchId id);
    // Stops behind each write to the 8 bytes at `address` until unwatch_all(), and calls the on_stop() listeners. Needs
    // an accelerator with enough watchpoints (TCG). A write at the moment of another vCPU's stop may go unreported,
    // because QEMU reports only one vCPU.
    Status watch_writes(std::uint64_t address);
    Status unwatch_writes(std::uint64_t address);
    // Calls `handler` once, when this call of the function returns. REQUIRES: called from a handler
    // at the function's entry.
    Status on_return(const Arrival& entry, ReturnHandler handler);
    // Returns the address that the function just entered will return to.
    Result<std::uint64_t> return_address(const Arrival& entry);

    // Calls `listener` at every stop, before any handler, with the vCPU and the address that it stopped for (see
    // look()). If a listener returns an error, the listeners behind it and the handlers are not called for this stop.
    [[nodiscard]] Subscription on_stop(std::function<Status(const Arrival&)> listener) {
        return stop_listeners_.add(std::move(listener));
    }

    // Calls `listener` when all watches are about to be removed, with the guest stopped: what it sees from then on, no
    // handler sees.
    [[nodiscard]] Subscription on_unwatch_all(std::function<Status()> listener) {
        return unwatch_listeners_.add(std::move(listener));
    }

    // Calls `glance` every few milliseconds while run_until() runs the guest. If it returns true, the guest is stopped
    // as by look(). It must not use the probe. One at a time.
    [[nodiscard]] Subscription glance(std::function<bool()> glance) { return glances_.add(std::move(glance)); }

    // Lets a held vCPU go on at the next run. Returns false if it was not held.
    bool release(unsigned vcpu);
    void release_all();
    // Holds a vCPU where it is, from the next run on. REQUIRES: the vCPU exists.
    void hold(unsigned vcpu);
    [[nodiscard]] const std::set<unsigned>& held() const { return held_; }

    // Runs all vCPUs that are not held until `done` returns true. Calls `done` at first, after every stop, and whenever
    // the descriptor `wake` is readable (-1: none). Leaves the guest stopped if the last event was a stop; after a wake
    // or the deadline, the guest runs on.
    Result<RunEnd> run_until(const std::function<bool()>& done, Deadline deadline, int wake = -1);
    // Resumes the vCPUs that are not held and returns at once.
    Status resume();
    // Stops a running guest. If a vCPU arrives at a watched address just then, that arrival is handled like any other.
    Status pause();
    // Stops the guest like pause(), then calls the on_stop() listeners with address 0. So they also find changes that
    // no stop of the guest itself has reported.
    Status look();
    // Removes every breakpoint and watchpoint. Held vCPUs stay held.
    Status unwatch_all();
    // Removes every breakpoint and watchpoint, releases every vCPU and lets the guest run.
    Status let_go();

    // Returns how often the guest stopped at watched addresses, in all and by address: the cost of the watches.
    [[nodiscard]] std::uint64_t stops() const { return stops_; }
    [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& stops_at() const { return stops_at_; }

private:
    struct Watch {
        WatchId id;
        Priority priority;
        Handler handler;
    };
    struct Call {
        std::uint64_t address, sp;  // where the task was sent from
        Registers registers;
    };
    struct Point {
        std::list<std::shared_ptr<Watch>> watches;
        std::size_t nop = 0;      // bytes of the nop there, 0 where a single-step is needed
        unsigned idle_stops = 0;  // since the last watch of the point ended, while its breakpoint stayed
    };

    Status handle(const Stop& stop);
    // Returns true if a glance asks for a stop.
    [[nodiscard]] bool glance_at() const;
    Status tell_stop_listeners(const Arrival& stop);
    Status handle_arrival(const Arrival& arrival);
    Result<Response> ask_watches(const Arrival& arrival);
    Status leave(const Arrival& arrival, const Response& response);
    Status call(const Arrival& arrival, const Response& response);
    Status jump(const Arrival& arrival, std::uint64_t function);
    // If the task is back from a call, restores its registers.
    Status come_back(Arrival& arrival);
    // Removes a watch that will probably be set again soon. The breakpoint stays for a while. QEMU throws away all code
    // that it has translated whenever a breakpoint comes or goes, and translates what runs then anew.
    void retire(WatchId id);
    // Ends the watch, and returns its point; null if there is no such watch.
    Point* end_watch(WatchId id);
    // Handles a stop at a point that nobody watches any more. Removes its breakpoint if it stops the guest often.
    Status idle_stop(const Arrival& arrival);
    // Moves each vCPU that is not held and stands on a breakpoint behind that breakpoint.
    Status pass_breakpoints();
    // Makes the vCPU run the instruction at the breakpoint, on which it stands.
    Status step_off(unsigned vcpu, std::uint64_t address);
    // Steps until the vCPU has left the address.
    Status step_from(unsigned vcpu, std::uint64_t address);
    [[nodiscard]] std::uint64_t task_of(const Registers& registers) const;
    // REQUIRES: no handler is being called.
    void check_no_handler() const;

    Probe& probe_;
    std::uint64_t stack_bytes_;
    std::map<std::uint64_t, Point> points_;
    std::map<WatchId, std::uint64_t> addresses_;
    std::set<std::uint64_t> written_;  // the addresses that watch_writes() watches
    Listeners<Status(const Arrival&)> stop_listeners_;
    Listeners<Status()> unwatch_listeners_;
    Listeners<bool()> glances_;
    std::set<unsigned> held_;
    std::map<std::uint64_t, Call> calls_;            // by task
    std::map<unsigned, std::uint64_t> standing_on_;  // vCPU: the breakpoint it has handled but not passed
    WatchId next_id_ = 1;
    unsigned handling_ = 0;  // calls of handle() that have not returned
    std::uint64_t stops_ = 0;
    std::map<std::uint64_t, std::uint64_t> stops_at_;
};

}  // namespace memrig
