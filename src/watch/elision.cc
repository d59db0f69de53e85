#include "watch/elision.h"

#include <algorithm>
#include <array>

#include "probe/function_watch.h"
#include "watch/callers.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

// A function that does little but call another one with a lock. An LTO kernel has it inlined into its callers.
struct ThinFunction {
    std::string_view name, lock;
    std::array<const char*, 2> calls;    // what it may call
    std::optional<std::uint64_t> value;  // what that returns if it did what it was asked for
};
// drivers/base/core.c, mm/memory_hotplug.c
const std::array kThin = {
    ThinFunction{"lock_device_hotplug", locks::device_hotplug, {"mutex_lock", "mutex_lock_nested"}, {}},
    ThinFunction{"lock_device_hotplug_sysfs", locks::device_hotplug, locks::mutex_tries, 1},
    ThinFunction{"unlock_device_hotplug", locks::device_hotplug, {"mutex_unlock", "mutex_unlock"}, {}},
    ThinFunction{"mem_hotplug_begin", locks::mem_hotplug, {"percpu_down_write", "percpu_down_write"}, {}},
    ThinFunction{"mem_hotplug_done", locks::mem_hotplug, {"percpu_up_write", "percpu_up_write"}, {}},
};

}  // namespace

Result<std::unique_ptr<Elision>> Elision::make(Conductor& conductor, const SymbolTable& symbols,
                                               const ElisionSpec& spec) {
    MEMRIG_CHECK(check_callers(symbols, spec.callers));
    std::unique_ptr<Elision> elision(new Elision(conductor, symbols, spec));
    MEMRIG_TRY(const auto locks, entries_of(conductor.probe(), symbols, spec.lock));
    std::vector<std::uint64_t> unlocks;
    if (!spec.unlock.empty()) {
        MEMRIG_TRY(unlocks, entries_of(conductor.probe(), symbols, spec.unlock));
    }
    Elision* self = elision.get();
    for (const auto entry : locks)
        MEMRIG_CHECK(
            conductor.watch(entry, [self](const Arrival& arrival) { return self->at_lock(arrival); }, Priority::elide));
    for (const auto entry : unlocks)
        MEMRIG_CHECK(conductor.watch(
            entry, [self](const Arrival& arrival) { return self->at_unlock(arrival); }, Priority::elide));
    MEMRIG_CHECK(elision->watch_inlined(spec.lock, false));
    if (!spec.unlock.empty()) MEMRIG_CHECK(elision->watch_inlined(spec.unlock, true));
    return elision;
}

Status Elision::watch_inlined(const std::string& function, bool unlocks) {
    const auto thin = std::ranges::find(kThin, function, &ThinFunction::name);
    const auto lock = thin == kThin.end() ? std::nullopt : symbols_.unique(thin->lock);
    if (!lock) return {};
    for (const auto& caller : spec_.callers)
        for (const auto address : symbols_.all(caller)) {
            MEMRIG_TRY(const auto calls, direct_calls(conductor_.probe(), symbols_, address));
            const auto goes_to = [&](const DirectCall& call, std::string_view name) {
                return symbols_.function(call.target) == name;
            };
            if (std::ranges::any_of(calls, [&](const auto& call) { return goes_to(call, function); })) continue;
            for (const auto& call : calls) {
                if (!goes_to(call, thin->calls[0]) && !goes_to(call, thin->calls[1])) continue;
                const auto act = [this, call, lock = *lock, value = thin->value,
                                  unlocks](const Arrival& arrival) -> Result<Response> {
                    if (arrival.registers.argument(0) != lock) return Response::pass();
                    return at_inlined(arrival, call, value, unlocks);
                };
                MEMRIG_CHECK(conductor_.watch(call.at, act));
            }
        }
    return {};
}

Result<Response> Elision::at_inlined(const Arrival& arrival, const DirectCall& call, std::optional<std::uint64_t> value,
                                     bool unlocks) {
    if (unlocks && !leaves_out_unlock(arrival.task)) return Response::pass();
    if (!unlocks) leave_out_lock(arrival.task);
    const auto& arch = conductor_.probe().architecture();
    if (value) MEMRIG_CHECK(conductor_.probe().set_register(arrival.vcpu, arch.return_value, *value));
    return Response::jump(call.behind);
}

Result<Response> Elision::at_lock(const Arrival& arrival) {
    MEMRIG_TRY(const bool called_there, is_called_from(conductor_, symbols_, arrival, spec_.callers));
    if (!called_there) {
        counts_.others++;
        return Response::pass();
    }
    leave_out_lock(arrival.task);
    return Response::leave(spec_.value);
}

void Elision::leave_out_lock(std::uint64_t task) {
    if (!spec_.unlock.empty()) elided_tasks_.insert(task);
    counts_.locks++;
}

bool Elision::leaves_out_unlock(std::uint64_t task) {
    const auto found = elided_tasks_.find(task);
    if (found == elided_tasks_.end()) return false;
    elided_tasks_.erase(found);
    counts_.unlocks++;
    return true;
}

Result<Response> Elision::at_unlock(const Arrival& arrival) {
    return leaves_out_unlock(arrival.task) ? Response::leave() : Response::pass();
}

}  // namespace memrig
