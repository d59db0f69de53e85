// The dwell: after an actor was seen kept out under a hold, the hold goes on while the guest makes progress. An actor
// that the held one does not keep out gets in meanwhile, and this revokes the observation.
#pragma once

#include <functional>

#include "play/record.h"
#include "play/stall_detector.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/lock_observer.h"

namespace memrig {

// The ticks of a vCPU's timer that a dwell takes: 3 to 30 ms of guest time (CONFIG_HZ is 100 to 1000).
inline constexpr unsigned kDwellTicks = 3;

// Not thread-safe. All that it is given must outlive it.
class Dwell {
public:
    // `observer` counts the ticks; null: each tick stops the guest.
    Dwell(Conductor& conductor, const SymbolTable& symbols, Record& record, StallDetector& stalls,
          LockObserver* observer)
        : conductor_(conductor), symbols_(symbols), record_(record), stalls_(stalls), observer_(observer) {}
    // Returns the function that serves a tick, and what has to be known of a call.
    static std::map<std::string, ObservedCall> calls();

    // Takes the momentary observations under a hold that are `asked` for, one after the other. Lets the guest run until
    // the vCPU of the observation has served kDwellTicks timer interrupts: a vCPU that runs no instruction serves none.
    // Notes the first observation that is not revoked by then as lasting. Ends, too, if none is left, or if the kernel
    // crashes. Expired if the deadline passes. Fault::guest if the kernel has no function that serves a tick.
    Result<RunEnd> outlast(const std::function<bool(const EvidenceRecord&)>& asked, Deadline give_up);

private:
    Result<RunEnd> outlast_one(std::size_t index, Deadline give_up);
    // Lets the guest run until the observation is revoked, or until its vCPU has served the ticks.
    Result<RunEnd> outlast_by_stops(std::size_t index, const std::vector<std::uint64_t>& entries, Deadline give_up);
    Result<RunEnd> outlast_unstopped(std::size_t index, std::uint64_t tick, Deadline give_up);
    [[nodiscard]] const EvidenceRecord& seen(std::size_t index) const { return record_.performance().evidence[index]; }

    Conductor& conductor_;
    const SymbolTable& symbols_;
    Record& record_;
    StallDetector& stalls_;
    LockObserver* observer_;
};

}  // namespace memrig
