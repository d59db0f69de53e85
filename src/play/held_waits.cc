#include "play/held_waits.h"

#include "probe/function_watch.h"

namespace memrig {

namespace {

struct Waiter {
    const char* function;
    const char* what;
};

// kernel/rcu/tree.c, kernel/rcu/tree_exp.h, kernel/rcu/update.c, kernel/stop_machine.c
constexpr Waiter kWaiters[] = {{"synchronize_rcu", "RCU"},
                               {"synchronize_rcu_normal", "RCU"},
                               {"synchronize_rcu_expedited", "RCU"},
                               {"synchronize_sched", "RCU"},
                               {"__wait_rcu_gp", "RCU"},
                               {"stop_machine", "all CPUs to stop"},
                               {"stop_machine_cpuslocked", "all CPUs to stop"}};

// The flag SCF_WAIT, or the argument `wait` of older kernels (kernel/smp.c).
constexpr std::uint64_t kWait = 1;
constexpr unsigned kBitsOfWord = 64;

}  // namespace

Status HeldWaits::watch() {
    for (const auto& waiter : kWaiters) {
        if (symbols_.all(waiter.function).empty()) continue;
        const auto enters = [this, &waiter](const Passage& call) -> Result<bool> {
            const std::string actor = roster_.actor_of(call.task);
            return !actor.empty() && begins(actor, waiter.what, call);
        };
        const auto leaves = [this](const Passage& left) -> Status {
            waits_.erase(roster_.actor_of(left.task));
            return {};
        };
        MEMRIG_CHECK(passages_.watch(waiter.function, Passages::Needs::task, enters, leaves));
        MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, waiter.function));
        for (const auto entry : entries)
            if (observer_ != nullptr && observer_->tells_calls_of(entry)) observer_->stop_at_calls_of(entry);
    }
    return {};
}

std::map<std::string, ObservedCall> HeldWaits::calls() {
    std::map<std::string, ObservedCall> calls;
    for (const auto& waiter : kWaiters) calls[waiter.function] = {.whole = true};
    return calls;
}

// The outermost call is what the actor waits for. It may end by jumping to an inner one, which returns for it.
bool HeldWaits::begins(const std::string& actor, const std::string& what, const Passage& call) {
    const std::string text = fmt::format("{} ({} < {})", what, symbols_.function(call.function), call.caller);
    return waits_.emplace(actor, text).second;
}

Status HeldWaits::begin_hold() {
    static constexpr Interrupter interrupters[] = {{"smp_call_function_many_cond", true, true},
                                                   {"smp_call_function_many", true, false},
                                                   {"smp_call_function_single", false, false}};
    if (!interrupters_.empty()) return {};
    for (const auto& interrupter : interrupters) {
        const auto place = symbols_.unique(interrupter.function);
        // A compiler's clone may have other arguments.
        if (!place || symbols_.containing(*place)->name != interrupter.function) continue;
        MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, interrupter.function));
        MEMRIG_TRY(const auto id, conductor_.watch(entries.front(), [this, &interrupter](const Arrival& arrival) {
            return at_interrupter(interrupter, arrival);
        }));
        interrupters_.push_back(id);
    }
    return {};
}

Status HeldWaits::end_hold() {
    for (const auto id : std::exchange(interrupters_, {})) MEMRIG_CHECK(conductor_.unwatch(id));
    return {};
}

std::string HeldWaits::wait_of(const std::string& actor) const {
    const auto wait = waits_.find(actor);
    return wait == waits_.end() ? std::string() : wait->second;
}

Result<Response> HeldWaits::at_interrupter(const Interrupter& interrupter, const Arrival& arrival) {
    const std::string actor = roster_.actor_of(arrival.task);
    if (actor.empty() || waits_.contains(actor)) return Response::pass();
    MEMRIG_TRY(const bool waits, needs_held(interrupter, arrival));
    if (!waits) return Response::pass();
    MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(arrival));
    begins(actor, "an answer to an interrupt",
           {arrival.task, arrival.vcpu, arrival.address, arrival.at, symbols_.describe(back), &arrival});
    MEMRIG_CHECK(conductor_.on_return(arrival, [this, actor](const Arrival&, std::uint64_t) -> Status {
        waits_.erase(actor);
        return {};
    }));
    return Response::pass();
}

// A vCPU has the number that the kernel gives to its CPU, as where threads are pinned.
Result<bool> HeldWaits::needs_held(const Interrupter& interrupter, const Arrival& arrival) {
    const Registers& call = arrival.registers;
    if ((call.argument(3) & kWait) == 0 || (interrupter.takes_condition && call.argument(4) != 0)) return false;
    for (const unsigned vcpu : conductor_.held()) {
        if (!interrupter.takes_mask) {
            if ((call.argument(0) & 0xffffffff) == vcpu) return true;
            continue;
        }
        const std::uint64_t place = call.argument(0) + vcpu / kBitsOfWord * sizeof(std::uint64_t);
        MEMRIG_TRY(const std::uint64_t word, conductor_.probe().read_u64(arrival.vcpu, place));
        if ((word >> (vcpu % kBitsOfWord) & 1) != 0) return true;
    }
    return false;
}

}  // namespace memrig
