#include "watch/elision.h"

#include "probe/function_watch.h"
#include "watch/callers.h"

namespace memrig {

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
    return elision;
}

Result<Response> Elision::at_lock(const Arrival& arrival) {
    MEMRIG_TRY(const bool called_there, is_called_from(conductor_, symbols_, arrival, spec_.callers));
    if (!called_there) {
        counts_.others++;
        return Response::pass();
    }
    if (!spec_.unlock.empty()) elided_tasks_.insert(arrival.task);
    counts_.locks++;
    return Response::leave(spec_.value);
}

Result<Response> Elision::at_unlock(const Arrival& arrival) {
    const auto found = elided_tasks_.find(arrival.task);
    if (found == elided_tasks_.end()) return Response::pass();
    elided_tasks_.erase(found);
    counts_.unlocks++;
    return Response::leave();
}

}  // namespace memrig
