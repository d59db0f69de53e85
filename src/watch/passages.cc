#include "watch/passages.h"

#include "base/assert.h"
#include "probe/function_watch.h"

namespace memrig {

Passages::Passages(Conductor& conductor, const SymbolTable& symbols, LockObserver* observer)
    : conductor_(conductor), symbols_(symbols), observer_(observer) {
    if (observer == nullptr) return;
    entries_ = observer->on_entry([this](const Passage& passage) { return tell(passage, true); });
    returns_ = observer->on_leave([this](const Passage& passage) { return tell(passage, false); });
}

Status Passages::tell(const Passage& passage, bool enters) {
    const auto [first, last] = watched_.equal_range(passage.function);
    for (auto one = first; one != last; ++one) {
        if (enters) MEMRIG_CHECK(one->second.enters(passage));
        else if (one->second.leaves) MEMRIG_CHECK(one->second.leaves(passage));
    }
    return {};
}

Status Passages::watch(const std::string& function, Enters enters, Leaves leaves) {
    MEMRIG_ASSERT(enters, "a watched function has a handler");
    const Watched watched{std::move(enters), std::move(leaves)};
    MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, function));
    for (const auto entry : entries) {
        if (observer_ != nullptr && observer_->tells_calls_of(entry)) watched_.emplace(entry, watched);
        else MEMRIG_CHECK(watch_by_stops(entry, watched));
    }
    return {};
}

Status Passages::watch_by_stops(std::uint64_t entry, const Watched& watched) {
    const auto at_entry = [this, entry, watched](const Arrival& arrival) -> Result<Response> {
        MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(arrival));
        const Passage passage{arrival.task, arrival.vcpu, entry, arrival.at, symbols_.describe(back), &arrival};
        MEMRIG_TRY(const bool wanted, watched.enters(passage));
        if (!wanted || !watched.leaves) return Response::pass();
        const auto returns = [entry, leaves = watched.leaves](const Arrival& returned, std::uint64_t) {
            return leaves({returned.task, returned.vcpu, entry, returned.at, "?", &returned});
        };
        MEMRIG_CHECK(conductor_.on_return(arrival, returns));
        return Response::pass();
    };
    const auto watch = conductor_.watch(entry, at_entry);
    return watch ? Status() : std::unexpected(watch.error());
}

}  // namespace memrig
