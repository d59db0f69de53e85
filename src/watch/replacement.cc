#include "watch/replacement.h"

#include "probe/function_watch.h"
#include "watch/callers.h"

namespace memrig {

Result<std::unique_ptr<Replacement>> Replacement::make(Conductor& conductor, const SymbolTable& symbols,
                                                       const ReplacementSpec& spec) {
    MEMRIG_CHECK(check_callers(symbols, spec.callers));
    std::unique_ptr<Replacement> made(new Replacement(conductor, symbols, spec));
    MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, spec.by));
    if (entries.size() != 1)
        return fail(Fault::guest, "this kernel has {} functions {}: which is to be called?", entries.size(), spec.by);
    made->by_ = entries.front();
    // The other handlers see the function that is called, and not the one that is not.
    MEMRIG_CHECK(watch_function(
        conductor, symbols, spec.function,
        [self = made.get()](const Arrival& arrival) { return self->at_entry(arrival); }, Priority::park));
    return made;
}

Result<Response> Replacement::at_entry(const Arrival& arrival) {
    if (arrival.again && away_.erase(arrival.task) > 0) return Response::leave(spec_.value);
    MEMRIG_TRY(const bool called_there, is_called_from(conductor_, symbols_, arrival, spec_.callers));
    if (!called_there) return Response::pass();
    count_++;
    if (!spec_.value) return Response::jump(by_);
    away_.insert(arrival.task);
    return Response::call(by_, arrival.registers.argument(0));
}

}  // namespace memrig
