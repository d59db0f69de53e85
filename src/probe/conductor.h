// The conductor: breakpoints with something to do at each, vCPUs held and released, calls that are made to return at once.
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

// A vCPU at a watched address, all vCPUs being stopped.
struct Arrival {
    unsigned vcpu;
    std::uint64_t address;
    Registers registers;
    std::uint64_t task;  // the base of the kernel stack: names the task, on whatever vCPU it runs (see TaskId)
    SteadyTime at;
    bool again = false;  // back from a call that it was sent on from here
};

// What becomes of the vCPU that arrived.
struct Response {
    enum class Kind {
        pass,   // goes on
        hold,   // stays until release()
        leave,  // returns from the function whose entry this is, at once
        call    // calls another function first, and arrives here again after, with the registers that it had
    };
    Kind kind = Kind::pass;
    std::optional<std::uint64_t> value;  // of leave: the return value, else the register is left as it is
    std::uint64_t function = 0;          // of call: its entry, and its argument
    std::uint64_t argument = 0;

    static Response pass() { return {}; }
    static Response hold() { return {Kind::hold, {}}; }
    static Response leave(std::optional<std::uint64_t> value = {}) { return {Kind::leave, value}; }
    static Response call(std::uint64_t function, std::uint64_t argument) {
        return {Kind::call, {}, function, argument};
    }
};

// In which order the handlers at one address are asked, the first one first. Handlers of one priority are asked in the order in
// which they were added.
enum class Priority {
    park,    // may send the task elsewhere before it has really arrived: the others see it once it comes back for good
    rule,    // judges a call even where an elision makes it return at once
    elide,   // makes a call return at once, or changes its arguments
    observe  // sees a call that comes to pass, and may hold the vCPU there
};

enum class RunEnd { done, expired };

// Drives a Probe. Not thread-safe. Handlers run on the caller's thread while the guest stands still, and may watch,
// unwatch and read; they must not run or release.
class Conductor {
public:
    using Handler = std::function<Result<Response>(const Arrival&)>;
    // Of a watched return: the function's return value.
    using ReturnHandler = std::function<Status(const Arrival&, std::uint64_t value)>;
    using WatchId = std::uint64_t;

    // `stack_bytes`: kernel_stack_bytes() of the guest's kernel.
    Conductor(Probe& probe, std::uint64_t stack_bytes);

    Probe& probe() { return probe_; }
    [[nodiscard]] std::uint64_t stack_bytes() const { return stack_bytes_; }

    // Calls `handler` for each vCPU that comes to `address`. Where several watch one address, hold wins over pass. Where one says
    // leave or call, those behind it are not asked: the call does not come to pass, or not yet. Pauses the guest if it runs.
    // REQUIRES: any priority but `observe` only at a function's entry.
    Result<WatchId> watch(std::uint64_t address, Handler handler, Priority priority = Priority::observe);
    Status unwatch(WatchId id);
    // Stops, for on_stop(), behind each write to the 8 bytes at `address`, for good. Needs an accelerator with as many watchpoints as
    // are asked for (TCG). A write in the very moment of another vCPU's stop may go unreported: QEMU names but one.
    Status watch_writes(std::uint64_t address);
    // From within a handler at a function's entry: calls `handler` once, when that very call returns.
    Status on_return(const Arrival& entry, ReturnHandler handler);
    // The address that the function just entered will return to.
    Result<std::uint64_t> return_address(const Arrival& entry);

    // Called at every stop, before any handler: with the vCPU and the address that it stopped for (see look()).
    // An error of a listener ends the stop, and those behind it are not called.
    [[nodiscard]] Subscription on_stop(std::function<Status(const Arrival&)> listener) {
        return stop_listeners_.add(std::move(listener));
    }

    // Lets a held vCPU go with the next run. False if it was not held.
    bool release(unsigned vcpu);
    void release_all();
    // Holds a vCPU where it is, from the next run on. REQUIRES: there is such a vCPU.
    void hold(unsigned vcpu);
    [[nodiscard]] const std::set<unsigned>& held() const { return held_; }

    // Runs all vCPUs that are not held until `done` says so: asked after every stop, and whenever `wake` is readable (a
    // descriptor, -1 for none). The guest is stopped after a `done` that followed a stop, else it runs on.
    Result<RunEnd> run_until(const std::function<bool()>& done, Deadline deadline, int wake = -1);
    // Resumes what is not held and returns at once.
    Status resume();
    // Stops a running guest. An arrival that this cuts into is handled as any other.
    Status pause();
    // The same, and on_stop() is called, at address 0: for what no stop of the guest's own told of.
    Status look();
    // Removes every breakpoint; what is held stays held.
    Status unwatch_all();
    // The same, releases every vCPU and lets the guest run.
    Status let_go();

    // How often a watched address was come to, in all and each: the price of what is watched.
    [[nodiscard]] std::uint64_t stops() const { return stops_; }
    [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& stops_at() const { return stops_at_; }

private:
    struct Watch {
        WatchId id;
        Priority priority;
        Handler handler;
    };
    struct Call {
        std::uint64_t address, sp;  // where it was sent from
        Registers registers;
    };
    struct Point {
        std::list<std::shared_ptr<Watch>> watches;
        std::size_t nop = 0;  // bytes of the nop there, 0 where a single-step is needed
    };

    Status handle(const Stop& stop);
    Status tell_stop_listeners(const Arrival& stop);
    Status handle_arrival(const Arrival& arrival);
    Result<Response> ask_watches(const Arrival& arrival);
    Status leave(const Arrival& arrival, const Response& response);
    Status call(const Arrival& arrival, const Response& response);
    // Where the task comes back from a call: gives it back its registers.
    Status come_back(Arrival& arrival);
    // Moves vCPUs that stand on a breakpoint and are not held behind it.
    Status pass_breakpoints();
    Status step_off(unsigned vcpu, std::uint64_t address);
    [[nodiscard]] std::uint64_t task_of(const Registers& registers) const;
    // REQUIRES: no handler is being called.
    void check_no_handler() const;

    Probe& probe_;
    std::uint64_t stack_bytes_;
    std::map<std::uint64_t, Point> points_;
    std::map<WatchId, std::uint64_t> addresses_;
    std::set<std::uint64_t> written_;  // the addresses that watch_writes() watches
    Listeners<Status(const Arrival&)> stop_listeners_;
    std::set<unsigned> held_;
    std::map<std::uint64_t, Call> calls_;            // by task
    std::map<unsigned, std::uint64_t> standing_on_;  // vCPU: the breakpoint it has handled but not passed
    WatchId next_id_ = 1;
    unsigned handling_ = 0;  // calls of handle() that have not returned
    std::uint64_t stops_ = 0;
    std::map<std::uint64_t, std::uint64_t> stops_at_;
};

}  // namespace memrig
