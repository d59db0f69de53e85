// Sees calls of kernel functions: by the observer where it tells of them, else by a stop at each of them.
#pragma once

#include <functional>
#include <map>
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

    // `observer` may be null: then each call stops the guest.
    Passages(Conductor& conductor, const SymbolTable& symbols, LockObserver* observer);
    Passages(const Passages&) = delete;
    Passages& operator=(const Passages&) = delete;

    // Calls `enters` for each call of the function, and `leaves`, which may be null, when that call returns: always if
    // the observer tells of it, else if `enters` wanted it. Fault::guest if the kernel has no such function.
    Status watch(const std::string& function, Enters enters, Leaves leaves = {});

private:
    struct Watched {
        Enters enters;
        Leaves leaves;
    };
    Status watch_by_stops(std::uint64_t entry, const Watched& watched);
    Status tell(const Passage& passage, bool enters);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    LockObserver* observer_;
    std::multimap<std::uint64_t, Watched> watched_;  // by function, those that the observer tells of
    Subscription entries_, returns_;
};

}  // namespace memrig
