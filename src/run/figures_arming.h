// Arming of rule R10: where the kernel keeps the figures of its zones.
#pragma once

#include <optional>

#include "hotplug/accounting.h"
#include "kernel/memory_layout.h"
#include "probe/probe.h"
#include "probe/symbols.h"
#include "watch/armament.h"

namespace memrig {

struct ArmedFigures {
    WatcherReport report;
    std::optional<MemoryLayout> layout;  // set if the report says that it is armed
};

// Reads the layout from the kernel's BTF, or finds it where there is none, and compares what lies there with what the
// kernel says of its zones. REQUIRES: the guest is stopped, and `before` is as it is now.
Result<ArmedFigures> arm_figures(Probe& probe, const SymbolTable& symbols, const MemorySnapshot& before);

}  // namespace memrig
