#include "watch/insertion.h"

#include "base/assert.h"
#include "probe/function_watch.h"

namespace memrig {

Result<std::unique_ptr<Insertion>> Insertion::make(Conductor& conductor, const SymbolTable& symbols,
                                                   const InsertionSpec& spec) {
    MEMRIG_ASSERT(!spec.calls.empty(), "there is a call to insert");
    std::unique_ptr<Insertion> made(new Insertion(spec));
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
        [self = made.get()](const Arrival& arrival) -> Result<Response> { return self->at_entry(arrival); },
        Priority::park));
    return made;
}

Response Insertion::at_entry(const Arrival& arrival) {
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
