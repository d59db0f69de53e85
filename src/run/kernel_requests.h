// Asks the kernel, through the agent, for a last word on the console and for a veto.
#pragma once

#include "machine/machine.h"
#include "probe/conductor.h"
#include "scenario/scenario.h"

namespace memrig {

// Has the kernel print a last word on the console. Once that word is there, all earlier lines have come, too: a console
// that went silent would hide them. Returns whether the word came. The conductor runs the guest meanwhile.
Result<bool> hear_last_word(Machine& machine, Conductor& conductor, unsigned trial);

// Tells the kernel's own error injector (lib/memory-notifier-error-inject.c) to refuse the notice, if the veto is the
// kernel's. Fault::user_input if this kernel has none. The guest stands still after.
Status ask_kernel_for_veto(Machine& machine, Conductor& conductor, const std::optional<VetoSpec>& veto);

}  // namespace memrig
