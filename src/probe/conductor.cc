#include "probe/conductor.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/assert.h"
#include "base/log.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
constexpr auto kPausePatience = 60s;
constexpr auto kGlances = 2ms;
constexpr std::size_t kWatchedBytes = 8;
constexpr unsigned kMostSteps = 1000;
constexpr unsigned kMostIdleStops = 4;

class Depth {
public:
    explicit Depth(unsigned& depth) : depth_(depth) { depth_++; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    ~Depth() { depth_--; }

private:
    unsigned& depth_;
};
}  // namespace

Conductor::Conductor(Probe& probe, std::uint64_t stack_bytes) : probe_(probe), stack_bytes_(stack_bytes) {
    MEMRIG_ASSERT(std::has_single_bit(stack_bytes), "the size of a kernel stack is a power of two");
}

void Conductor::check_no_handler() const {
    MEMRIG_ASSERT(handling_ == 0, "a handler neither runs the guest nor releases a vCPU");
}

std::uint64_t Conductor::task_of(const Registers& registers) const { return registers.sp() & ~(stack_bytes_ - 1); }

Result<Conductor::WatchId> Conductor::watch(std::uint64_t address, Handler handler, Priority priority) {
    MEMRIG_ASSERT(handler, "a watch has a handler");
    MEMRIG_CHECK(pause());
    auto found = points_.find(address);
    if (found == points_.end()) {
        Point point;
        const Architecture& arch = probe_.architecture();
        MEMRIG_TRY(const std::string code, probe_.read_memory(0, address, arch.longest_nop));
        point.nop = arch.nop_length(code);
        MEMRIG_CHECK(probe_.insert_breakpoint(address, BreakpointKind::software));
        found = points_.emplace(address, std::move(point)).first;
    }
    const WatchId id = next_id_++;
    found->second.idle_stops = 0;
    auto& watches = found->second.watches;
    const auto behind =
        std::ranges::find_if(watches, [priority](const auto& other) { return other->priority > priority; });
    watches.insert(behind, std::make_shared<Watch>(Watch{id, priority, std::move(handler)}));
    addresses_.emplace(id, address);
    return id;
}

Conductor::Point* Conductor::end_watch(WatchId id) {
    const auto known = addresses_.find(id);
    if (known == addresses_.end()) return nullptr;
    const auto point = points_.find(known->second);
    MEMRIG_ASSERT(point != points_.end(), "each watch has a point");
    addresses_.erase(known);
    point->second.watches.remove_if([id](const auto& watch) { return watch->id == id; });
    return &point->second;
}

Status Conductor::unwatch(WatchId id) {
    MEMRIG_CHECK(pause());
    const auto known = addresses_.find(id);
    if (known == addresses_.end()) return {};
    const std::uint64_t address = known->second;
    if (!end_watch(id)->watches.empty()) return {};
    points_.erase(address);
    return probe_.remove_breakpoint(address, BreakpointKind::software);
}

void Conductor::retire(WatchId id) {
    if (Point* const point = end_watch(id)) point->idle_stops = 0;
}

Status Conductor::idle_stop(const Arrival& arrival) {
    const auto point = points_.find(arrival.address);
    MEMRIG_ASSERT(point != points_.end() && point->second.watches.empty(), "the point is idle");
    if (++point->second.idle_stops < kMostIdleStops) {
        standing_on_[arrival.vcpu] = arrival.address;
        return {};
    }
    points_.erase(point);
    return probe_.remove_breakpoint(arrival.address, BreakpointKind::software);
}

Result<std::uint64_t> Conductor::return_address(const Arrival& entry) {
    const Architecture& arch = probe_.architecture();
    if (!arch.link.empty()) return entry.registers.get(arch.link);
    return probe_.read_u64(entry.vcpu, entry.registers.sp());
}

Status Conductor::on_return(const Arrival& entry, ReturnHandler handler) {
    MEMRIG_ASSERT(handler, "a watched return has a handler");
    MEMRIG_TRY(const std::uint64_t back, return_address(entry));
    const std::uint64_t pushed = probe_.architecture().link.empty() ? 8 : 0;
    const std::uint64_t sp_after = entry.registers.sp() + pushed;
    auto id = std::make_shared<WatchId>(0);
    MEMRIG_TRY(
        *id,
        watch(back, [this, id, sp_after, handler = std::move(handler)](const Arrival& arrival) -> Result<Response> {
            // Other tasks may pass this address too, and so may a deeper call of this task.
            if (arrival.registers.sp() != sp_after) return Response::pass();
            retire(*id);
            MEMRIG_CHECK(handler(arrival, arrival.registers.return_value()));
            return Response::pass();
        }));
    return {};
}

bool Conductor::release(unsigned vcpu) {
    check_no_handler();
    return held_.erase(vcpu) > 0;
}

void Conductor::release_all() {
    check_no_handler();
    held_.clear();
}

void Conductor::hold(unsigned vcpu) {
    MEMRIG_ASSERT(vcpu < probe_.vcpus(), "the vCPU to hold exists");
    held_.insert(vcpu);
}

Result<Response> Conductor::ask_watches(const Arrival& arrival) {
    Response strongest;
    const auto point = points_.find(arrival.address);
    if (point == points_.end()) return strongest;
    const std::vector<std::shared_ptr<Watch>> watches(point->second.watches.begin(), point->second.watches.end());
    for (const auto& watch : watches) {
        if (!addresses_.contains(watch->id)) continue;  // an earlier handler removed it
        MEMRIG_TRY(const Response response, watch->handler(arrival));
        if (response.kind > Response::Kind::hold) return response;
        if (response.kind > strongest.kind) strongest = response;
    }
    return strongest;
}

Status Conductor::leave(const Arrival& arrival, const Response& response) {
    const Architecture& arch = probe_.architecture();
    MEMRIG_TRY(const std::uint64_t back, return_address(arrival));
    if (response.value) MEMRIG_CHECK(probe_.set_register(arrival.vcpu, arch.return_value, *response.value));
    if (arch.link.empty()) MEMRIG_CHECK(probe_.set_register(arrival.vcpu, arch.sp, arrival.registers.sp() + 8));
    MEMRIG_CHECK(probe_.set_register(arrival.vcpu, arch.pc, back));
    if (!points_.contains(back)) return {};
    // The return address is watched, too: handle the arrival there.
    return handle(Stop{arrival.vcpu, StopCause::breakpoint, 0});
}

Status Conductor::call(const Arrival& arrival, const Response& response) {
    const Architecture& arch = probe_.architecture();
    MEMRIG_ASSERT(response.function != 0, "a call has a function");
    const std::uint64_t sp = arrival.registers.sp();
    calls_.insert_or_assign(arrival.task, Call{arrival.address, sp, arrival.registers});
    if (arch.link.empty()) {
        std::string back;
        for (unsigned i = 0; i < 8; i++) back += static_cast<char>(arrival.address >> (8 * i));
        MEMRIG_CHECK(probe_.write_memory(arrival.vcpu, sp - back.size(), back));
        MEMRIG_CHECK(probe_.set_register(arrival.vcpu, arch.sp, sp - back.size()));
    } else {
        MEMRIG_CHECK(probe_.set_register(arrival.vcpu, arch.link, arrival.address));
    }
    MEMRIG_CHECK(probe_.set_register(arrival.vcpu, arch.arguments[0], response.argument));
    return probe_.set_register(arrival.vcpu, arch.pc, response.function);
}

Status Conductor::jump(const Arrival& arrival, std::uint64_t function) {
    MEMRIG_ASSERT(function != 0 && function != arrival.address, "a jump leads elsewhere");
    MEMRIG_CHECK(probe_.set_register(arrival.vcpu, probe_.architecture().pc, function));
    if (!points_.contains(function)) return {};
    return handle(Stop{arrival.vcpu, StopCause::breakpoint, 0});
}

Status Conductor::come_back(Arrival& arrival) {
    const auto known = calls_.find(arrival.task);
    if (known == calls_.end() || known->second.address != arrival.address || known->second.sp != arrival.registers.sp())
        return {};
    for (const auto name : probe_.architecture().scratch) {
        const std::uint64_t value = known->second.registers.get(name);
        MEMRIG_CHECK(probe_.set_register(arrival.vcpu, name, value));
        arrival.registers.set(name, value);
    }
    arrival.again = true;
    calls_.erase(known);
    return {};
}

Status Conductor::watch_writes(std::uint64_t address) {
    MEMRIG_CHECK(pause());
    if (!written_.insert(address).second) return {};
    return probe_.insert_watchpoint(address, kWatchedBytes);
}

Status Conductor::unwatch_writes(std::uint64_t address) {
    if (written_.erase(address) == 0) return {};
    MEMRIG_CHECK(pause());
    return probe_.remove_watchpoint(address, kWatchedBytes);
}

Status Conductor::handle(const Stop& stop) {
    if (stop.cause == StopCause::interrupt) return {};
    MEMRIG_ASSERT(stop.vcpu < probe_.vcpus(), "the probe names a vCPU that it has");
    const Depth depth(handling_);
    MEMRIG_TRY(Registers registers, probe_.registers(stop.vcpu));
    const bool write = stop.cause == StopCause::watchpoint;
    const std::uint64_t pc = registers.pc();
    // A stop at an address that is not watched comes from a breakpoint that was removed meanwhile.
    if (write ? !written_.contains(stop.watched) : !points_.contains(pc)) return {};
    const std::uint64_t task = task_of(registers);
    Arrival arrival{stop.vcpu, write ? stop.watched : pc, std::move(registers), task, steady_clock().now()};
    if (!write) MEMRIG_CHECK(come_back(arrival));
    logger(LogLayer::probe)
        .debug("vCPU {} stops {} {:#x} (task {:x})", stop.vcpu, write ? "behind a write to" : "at", arrival.address,
               task);
    stops_++;
    stops_at_[arrival.address]++;
    MEMRIG_CHECK(tell_stop_listeners(arrival));
    return write ? Status() : handle_arrival(arrival);
}

Status Conductor::tell_stop_listeners(const Arrival& stop) {
    Status status;
    stop_listeners_.for_each([&](const auto& listener) { return (status = listener(stop)).has_value(); });
    return status;
}

Status Conductor::handle_arrival(const Arrival& arrival) {
    if (const auto point = points_.find(arrival.address); point != points_.end() && point->second.watches.empty())
        return idle_stop(arrival);
    MEMRIG_TRY(const Response response, ask_watches(arrival));
    if (response.kind == Response::Kind::leave) return leave(arrival, response);
    if (response.kind == Response::Kind::call) return call(arrival, response);
    if (response.kind == Response::Kind::jump) return jump(arrival, response.function);
    standing_on_[arrival.vcpu] = arrival.address;
    if (response.kind == Response::Kind::hold) held_.insert(arrival.vcpu);
    return {};
}

Status Conductor::pass_breakpoints() {
    for (auto at = standing_on_.begin(); at != standing_on_.end();) {
        const auto [vcpu, address] = *at;
        if (held_.contains(vcpu)) {
            ++at;
            continue;
        }
        at = standing_on_.erase(at);
        const auto point = points_.find(address);
        if (point == points_.end()) continue;  // the breakpoint is gone: nothing to pass
        if (point->second.nop > 0) {
            MEMRIG_CHECK(probe_.set_register(vcpu, probe_.architecture().pc, address + point->second.nop));
        } else {
            MEMRIG_CHECK(step_off(vcpu, address));
        }
    }
    return {};
}

// TCG lets a single step pass a breakpoint at the pc (QEMU 7.2, accel/tcg/cpu-exec.c, check_for_breakpoints_slow).
// KVM does not: there the breakpoint is taken out for the step. No vCPU can run past it meanwhile, because a step moves
// one vCPU alone.
Status Conductor::step_off(unsigned vcpu, std::uint64_t address) {
    if (probe_.steps_over_breakpoints()) return step_from(vcpu, address);
    MEMRIG_CHECK(probe_.remove_breakpoint(address, BreakpointKind::software));
    const Status stepped = step_from(vcpu, address);
    const Status inserted = probe_.insert_breakpoint(address, BreakpointKind::software);
    return stepped ? inserted : stepped;
}

// Now and then a step ends before it has begun. The task on the breakpoint would then arrive there twice (seen with
// QEMU 7.2: a lock that was taken once and counted twice).
Status Conductor::step_from(unsigned vcpu, std::uint64_t address) {
    for (unsigned steps = 0; steps < kMostSteps; steps++) {
        MEMRIG_CHECK(probe_.step(vcpu));
        MEMRIG_TRY(const Registers registers, probe_.registers(vcpu));
        if (registers.pc() != address) return {};
    }
    return fail(Fault::rig, "vCPU {} does not come off the breakpoint at {:#x} in {} steps", vcpu, address, kMostSteps);
}

Status Conductor::resume() {
    check_no_handler();
    if (probe_.running()) return {};
    MEMRIG_CHECK(pass_breakpoints());
    std::set<unsigned> moving;
    for (unsigned vcpu = 0; vcpu < probe_.vcpus(); vcpu++)
        if (!held_.contains(vcpu)) moving.insert(vcpu);
    return probe_.resume(moving);
}

Status Conductor::pause() {
    if (!probe_.running()) return {};
    MEMRIG_TRY(const Stop stop, probe_.interrupt(Deadline::after(kPausePatience)));
    return handle(stop);
}

Status Conductor::look() {
    check_no_handler();
    MEMRIG_CHECK(pause());
    if (stop_listeners_.empty()) return {};
    MEMRIG_TRY(Registers registers, probe_.registers(0));
    const std::uint64_t task = task_of(registers);
    return tell_stop_listeners({0, 0, std::move(registers), task, steady_clock().now()});
}

bool Conductor::glance_at() const {
    bool stop = false;
    glances_.for_each([&](const auto& glance) {
        stop |= glance();
        return true;
    });
    return stop;
}

Result<RunEnd> Conductor::run_until(const std::function<bool()>& done, Deadline deadline, int wake) {
    MEMRIG_ASSERT(done, "a run has an end to wait for");
    check_no_handler();
    for (;;) {
        if (done()) return RunEnd::done;
        MEMRIG_CHECK(resume());
        const Deadline next = glances_.empty() ? deadline : Deadline::after(kGlances).earlier(deadline);
        MEMRIG_TRY(const auto stop, probe_.wait_stop(next, wake));
        if (stop) {
            MEMRIG_CHECK(handle(*stop));
        } else if (glance_at()) {
            MEMRIG_CHECK(look());
        } else if (deadline.expired()) {
            return done() ? RunEnd::done : RunEnd::expired;
        }
    }
}

Status Conductor::unwatch_all() {
    MEMRIG_CHECK(pause());
    Status told;
    unwatch_listeners_.for_each([&](const auto& listener) { return (told = listener()).has_value(); });
    MEMRIG_CHECK(told);
    for (const auto& [address, point] : points_)
        MEMRIG_CHECK(probe_.remove_breakpoint(address, BreakpointKind::software));
    points_.clear();
    addresses_.clear();
    for (const auto address : written_) MEMRIG_CHECK(probe_.remove_watchpoint(address, kWatchedBytes));
    written_.clear();
    return {};
}

Status Conductor::let_go() {
    MEMRIG_CHECK(unwatch_all());
    held_.clear();
    return resume();
}

}  // namespace memrig
