// The dwell: after an actor was seen kept out under a hold, the hold goes on while the guest makes progress. An actor
// that the held one does not keep out gets in meanwhile, and this revokes the observation.
#pragma once

#include <functional>

#include "play/record.h"
#include "play/stall_detector.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// The ticks of a vCPU's timer that a dwell takes: 3 to 30 ms of guest time (CONFIG_HZ is 100 to 1000).
inline constexpr unsigned kDwellTicks = 3;

// Not thread-safe. All that it is given must outlive it.
class Dwell {
public:
    Dwell(Conductor& conductor, const SymbolTable& symbols, Record& record, StallDetector& stalls)
        : conductor_(conductor), symbols_(symbols), record_(record), stalls_(stalls) {}

    // Takes the momentary observations under a hold that are `asked` for, one after the other. Lets the guest run until
    // the vCPU of the observation has served kDwellTicks timer interrupts: a vCPU that runs no instruction serves none.
    // Notes the first observation that is not revoked by then as lasting. Ends, too, if none is left, or if the kernel
    // crashes. Expired if the deadline passes. Fault::guest if the kernel has no function that serves a tick.
    Result<RunEnd> outlast(const std::function<bool(const EvidenceRecord&)>& asked, Deadline give_up);

private:
    Result<RunEnd> outlast_one(std::size_t index, Deadline give_up);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    Record& record_;
    StallDetector& stalls_;
};

}  // namespace memrig
