// Looks at the guest's memory and vCPUs before and after a schedule is played.
#pragma once

#include "hotplug/accounting.h"
#include "hotplug/vcpu.h"
#include "machine/machine.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "schedule/schedule.h"

namespace memrig {

// Each call needs an agent that answers, and runs the guest meanwhile.
Result<MemorySnapshot> take_snapshot(Machine& machine, Conductor& conductor);
// Greets the agent of a machine that was just restored. The guest stands still after.
Status greet(Machine& machine, Conductor& conductor);
// Greets the agent, and looks before anything is watched. The guest stands still
// after.
Result<MemorySnapshot> snapshot_before(Machine& machine, Conductor& conductor, const SymbolTable& symbols);
// Nothing if no actor plugs a vCPU.
Result<std::optional<VcpuFigures>> look_at_vcpus(Machine& machine, Conductor& conductor, const Schedule& schedule);

}  // namespace memrig
