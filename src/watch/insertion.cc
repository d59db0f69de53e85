#include "watch/insertion.h"

#include "base/assert.h"
#include "probe/function_watch.h"
#include "watch/callers.h"

namespace memrig {

Result<std::unique_ptr<Insertion>> Insertion::make(Conductor& conductor, const SymbolTable& symbols,
                                                   const InsertionSpec& spec) {
    MEMRIG_ASSERT(!spec.calls.empty(), "there is a call to insert");
    MEMRIG_CHECK(check_callers(symbols, spec.callers));
    std::unique_ptr<Insertion> made(new Insertion(conductor, symbols, spec));
    for (const auto& function : spec.calls) {
        MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, function));
        if (entries.size() != 1)
            return fail(Fault::guest, "this kernel has {} functions {}: which is to be called?", entries.size(),
                        function);
        made->entries_.push_back(entries.front());
    }
    // The other handlers at this place see the task once it is back from the calls.
    MEMRIG_CHECK(watch_function(
        conductor, symbols, spec.before,
        [self = made.get()](const Arrival& arrival) { return self->at_entry(arrival); }, Priority::park));
    return made;
}

Result<Response> Insertion::at_entry(const Arrival& arrival) {
    MEMRIG_TRY(const bool called_there, is_called_from(conductor_, symbols_, arrival, spec_.callers));
    if (!called_there) return Response::pass();
    if (!arrival.again) called_[arrival.task] = 0;
    const auto called = called_.find(arrival.task);
    // A task that is back from a park has made its calls before.
    if (called == called_.end()) return Response::pass();
    if (called->second < entries_.size()) return Response::call(entries_[called->second++], 0);
    called_.erase(called);
    count_++;
    return Response::pass();
}

}  // namespace memrig
