// Proves on a running guest that the probe can do its work under the machine's accelerator.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "machine/machine.h"

namespace memrig {

// Checks with two tasks of the agent, which spin on vCPUs 1 and 2, that
// - a vCPU passes a breakpoint, and comes to it again only after a whole round,
// - a held vCPU stays where it is while the other one goes on, and goes on once it is released,
// - a write to a watched word stops the guest.
// An error says what failed. REQUIRES: the agent has greeted with `hello`, no probe is attached, and the machine was
// made with `answers_by` not behind `deadline`. Afterwards the machine can only be destroyed.
Status prove_probe(Machine& machine, const AgentHello& hello, Deadline deadline);

}  // namespace memrig
