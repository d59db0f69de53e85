#include "watch/lock_witness.h"

#include <algorithm>

#include "probe/function_watch.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {

enum class Returns { always, one_if_taken, zero_if_taken };
struct MutexCall {
    const char* function;
    Returns returns;
};
// kernel/locking/mutex.c; with lockdep, the *_nested functions stand for those without.
constexpr MutexCall kTaking[] = {{"mutex_lock", Returns::always},
                                 {"mutex_lock_nested", Returns::always},
                                 {"mutex_lock_interruptible", Returns::zero_if_taken},
                                 {"mutex_lock_interruptible_nested", Returns::zero_if_taken},
                                 {"mutex_lock_killable", Returns::zero_if_taken},
                                 {"mutex_lock_killable_nested", Returns::zero_if_taken},
                                 {"mutex_trylock", Returns::one_if_taken},
                                 {"_mutex_trylock_nest_lock", Returns::one_if_taken}};

bool was_taken(Returns returns, std::uint64_t value) {
    const bool zero = (value & 0xffffffff) == 0;
    return returns == Returns::always || zero == (returns == Returns::zero_if_taken);
}

}  // namespace

Result<std::unique_ptr<LockWitness>> LockWitness::make(Conductor& conductor, const SymbolTable& symbols) {
    std::unique_ptr<LockWitness> witness(new LockWitness(conductor));
    LockWitness* self = witness.get();
    for (const auto& call : kTaking) {
        if (symbols.all(call.function).empty()) continue;
        const auto taking = [self, returns = call.returns](const Arrival& arrival) -> Result<Response> {
            const std::uint64_t mutex = arrival.registers.argument(0);
            MEMRIG_CHECK(
                self->conductor_.on_return(arrival, [self, returns, mutex](const Arrival& back, std::uint64_t value) {
                    if (was_taken(returns, value)) self->note(mutex, {back.task, LockAction::takes});
                    return Status();
                }));
            return Response::pass();
        };
        MEMRIG_CHECK(watch_function(conductor, symbols, call.function, taking));
    }
    const auto releasing = [self](const Arrival& arrival) {
        self->note(arrival.registers.argument(0), {arrival.task, LockAction::releases});
        return Result<Response>(Response::pass());
    };
    if (!symbols.all("mutex_unlock").empty())
        MEMRIG_CHECK(watch_function(conductor, symbols, "mutex_unlock", releasing));
    return witness;
}

std::string LockWitness::disagreement(const std::vector<LockEvent>& ledger, std::size_t& compared) const {
    // The ledger may learn of a lock, or begin to watch it, in the middle of what is done. So only what both saw from
    // the lock's first act in the ledger on is compared.
    std::map<std::string, std::vector<Act>> told;
    std::map<std::string, std::uint64_t> address;
    for (const auto& event : ledger) {
        if (event.action != LockAction::takes && event.action != LockAction::releases) continue;
        told[event.lock].push_back({event.task, event.action});
        address[event.lock] = event.instance;
    }
    compared = 0;
    for (const auto& [lock, acts] : told) {
        const auto mutex = acts_.find(address[lock]);
        if (mutex == acts_.end() && !is_mutex(lock)) continue;  // an rwsem, or a device's lock that was just learned
        const std::vector<Act> seen = mutex == acts_.end() ? std::vector<Act>() : mutex->second;
        if (seen.size() < acts.size())
            return fmt::format("{}: the ledger saw {} acts, of {}", lock, acts.size(), seen.size());
        const auto from = seen.end() - static_cast<std::ptrdiff_t>(acts.size());
        const auto differs = std::ranges::mismatch(acts, std::ranges::subrange(from, seen.end()));
        if (differs.in1 != acts.end())
            return fmt::format("{}: the ledger saw that task {:x} {}, but task {:x} {}", lock, differs.in1->task,
                               to_string(differs.in1->action), differs.in2->task, to_string(differs.in2->action));
        compared += acts.size();
    }
    return {};
}

}  // namespace memrig
