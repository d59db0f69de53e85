#include "watch/elision.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "probe/function_watch.h"

namespace memrig {

Result<std::unique_ptr<Elision>> Elision::make(Conductor& conductor, const SymbolTable& symbols,
                                               const ElisionSpec& order) {
    const auto has = [&](const std::string& caller) { return !symbols.all(caller).empty(); };
    if (std::ranges::none_of(order.callers, has))
        return fail(Fault::guest, "this kernel has no symbol {}", fmt::join(order.callers, " or "));
    std::unique_ptr<Elision> elision(new Elision(conductor, symbols, order));
    MEMRIG_TRY(const auto locks, entries_of(conductor.probe(), symbols, order.lock));
    std::vector<std::uint64_t> unlocks;
    if (!order.unlock.empty()) {
        MEMRIG_TRY(unlocks, entries_of(conductor.probe(), symbols, order.unlock));
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
    MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(arrival));
    if (std::ranges::find(order_.callers, symbols_.function(back)) == order_.callers.end()) {
        counts_.others++;
        return Response::pass();
    }
    if (!order_.unlock.empty()) elided_tasks_.insert(arrival.task);
    counts_.locks++;
    return Response::leave(order_.value);
}

Result<Response> Elision::at_unlock(const Arrival& arrival) {
    const auto found = elided_tasks_.find(arrival.task);
    if (found == elided_tasks_.end()) return Response::pass();
    elided_tasks_.erase(found);
    counts_.unlocks++;
    return Response::leave();
}

}  // namespace memrig
