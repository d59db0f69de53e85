// Sees calls of kernel functions: by the observer where it tells of them, else by a stop at each of them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_observer.h"
#include "watch/passage.h"

namespace memrig {

// A call that the observer has seen is told at the next stop, in order with the lock events: a ledger that the observer
// feeds knows then what the task held at the call. In force until it is destroyed, or until the conductor's
// unwatch_all(). All that it is given must outlive it. Used on the conductor's thread.
class Passages {
public:
    // Both may watch and read, as a handler of the conductor. Enters returns true if it wants to know of the return.
    using Enters = std::function<Result<bool>(const Passage&)>;
    using Leaves = std::function<Status(const Passage&)>;
    // What `enters` has to know of a call.
    enum class Needs { task, arguments };

    // `observer` may be null: then each call stops the guest.
    Passages(Conductor& conductor, const SymbolTable& symbols, LockObserver* observer);
    Passages(const Passages&) = delete;
    Passages& operator=(const Passages&) = delete;

    // Calls `enters` for each call of the function, and `leaves` when that call returns if `enters` wants it. `leaves`
    // may be null. `priority` is that of the stops, if there are any. Fault::guest if the kernel has no such function.
    Status watch(const std::string& function, Needs needs, Enters enters, Leaves leaves = {},
                 Priority priority = Priority::observe);
    // Returns the first `count` words where an argument of the call, from 0, points to, as they were at the call.
    // Nothing if they could not be read. REQUIRES: the passage has arguments, and the observer was told to read there
    // (ObservedCall::pointer) if it tells of the function.
    Result<std::optional<std::vector<std::uint64_t>>> words_at(const Passage& passage, std::size_t argument,
                                                               std::size_t count);

private:
    struct Watched {
        Enters enters;
        Leaves leaves;
        std::map<std::uint64_t, std::vector<bool>> wanted = {};  // by task: the calls that it is in, outermost first
    };
    Status watch_by_stops(std::uint64_t entry, const Watched& watched, Priority priority);
    Status tell_entry(const Passage& passage);
    Status tell_return(const Passage& passage);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    LockObserver* observer_;
    std::multimap<std::uint64_t, Watched> watched_;  // by function, those that the observer tells of
    Subscription entries_, returns_;
};

}  // namespace memrig
