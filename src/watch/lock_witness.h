// A second witness of the mutexes: it sees them by the calls of the mutex functions alone, where the ledger may see
// them by writes to the owner. If the two agree, the ledger's eyes are good.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_event.h"

namespace memrig {

// In force from make() until the conductor's unwatch_all(); only for short spans, as each mutex of the kernel stops the
// guest. The conductor and the symbols must outlive it. Used on the conductor's thread.
class LockWitness {
public:
    static Result<std::unique_ptr<LockWitness>> make(Conductor& conductor, const SymbolTable& symbols);

    struct Act {
        std::uint64_t task;
        LockAction action;  // takes or releases
        bool operator==(const Act&) const = default;
    };
    // Returns what the ledger missed, saw twice or saw of another task, of the locks that the ledger names; "" if the
    // two agree. `compared` is the number of acts that were.
    [[nodiscard]] std::string disagreement(const std::vector<LockEvent>& ledger, std::size_t& compared) const;

private:
    LockWitness(Conductor& conductor) : conductor_(conductor) {}
    void note(std::uint64_t mutex, Act act) { acts_[mutex].push_back(act); }

    Conductor& conductor_;
    std::map<std::uint64_t, std::vector<Act>> acts_;  // by the mutex's address
};

}  // namespace memrig
