// Parking: a task is kept from going on, but its vCPU is not. The task sleeps by the clock, in msleep().
//
// All that the player knows of msleep() is here: when a task is parked instead of held, for how long, and how a parked
// task looks.
#pragma once

#include <cstdint>
#include <optional>

#include "guest/guest_link.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Why a task is parked. Each reason has its own time to sleep.
enum class ParkReason {
    move,  // so that it wakes up on another vCPU
    turn,  // until it is the task's turn: short, as each switch waits for it
    keep   // until it is released: long, as each park stops the guest, and a stop is dear on pseries and arm64
};

// The way in which an actor is kept at the point where a step holds it.
enum class Keep {
    hold,  // its vCPU stands still
    move,  // it is parked once, and asked again when it comes back, as a rule on a vCPU that may be held
    park,  // it is parked again and again; its vCPU goes on
    pass   // it cannot be kept there
};

// Same thread as the conductor, which must outlive it, as must the symbols.
class Parking {
public:
    Parking(Conductor& conductor, const SymbolTable& symbols) : conductor_(conductor), symbols_(symbols) {}

    // True if the kernel has an msleep() to park in.
    [[nodiscard]] bool possible() const;
    // For a caller that cannot do without: Fault::guest unless possible().
    [[nodiscard]] Status check() const;
    // The answer to an arrival at the entry of a function that may sleep: the task goes through msleep(), and arrives
    // there again with the registers that it had. Fault::guest where the kernel has no msleep().
    Result<Response> park(ParkReason reason);
    // `wants_park`: the step asks for a park. `may_be_held`: the actor's vCPU may stand still. `moves`: how often the
    // actor was moved since it came to the point.
    [[nodiscard]] Keep way_to_keep(bool wants_park, bool may_be_held, unsigned moves) const;

private:
    Conductor& conductor_;
    const SymbolTable& symbols_;
    std::optional<std::uint64_t> sleep_;  // the entry of msleep(), once it was needed
};

// True if the task sleeps by the clock, and so waits for no other task: it is parked, or it was refused and waits for
// its next try.
bool sleeps_by_the_clock(const BlockedTask& task);

}  // namespace memrig
