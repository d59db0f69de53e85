// Reads counters of the kernel that are the same whenever nothing goes on. One that differs after a trial shows that
// something was begun and not ended.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// By name. A counter that has no symbol in this kernel is left out.
using IdleCounters = std::map<std::string, std::int32_t>;

// REQUIRES: the guest stands still.
Result<IdleCounters> read_idle_counters(Probe& probe, const SymbolTable& symbols);

// Returns a line for each counter that differs now, and still does after the guest has answered a request: what was
// about to be ended then is. REQUIRES: no vCPU is held. Leaves the guest standing still.
Result<std::vector<std::string>> left_over_since(const IdleCounters& before, Machine& machine, Conductor& conductor,
                                                 const SymbolTable& symbols);

}  // namespace memrig
