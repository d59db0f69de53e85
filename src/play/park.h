// A task that is kept from going on without keeping its vCPU from anything: it sleeps by the clock.
#pragma once

#include <cstdint>

#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Of who is parked: each park stops the guest, and where a stop is dear (pseries, arm64) short ones leave the others no time.
inline constexpr std::uint64_t kParkedNapMs = 100;

// Whether the kernel has what it takes.
bool can_park(const SymbolTable& symbols);

// The answer to an arrival at the entry of a function that may sleep: its task goes through msleep(), and is back there with the registers that it
// had. REQUIRES: can_park().
Result<Response> park(Conductor& conductor, const SymbolTable& symbols, std::uint64_t milliseconds);

}  // namespace memrig
