// Hands a guest over to the user after the verdict of its trial.
#pragma once

#include "base/error.h"
#include "cli/output.h"
#include "machine/guest_store.h"
#include "machine/machine.h"

namespace memrig {

// Prints how to reach the guest, then waits until the user presses Enter or Ctrl-C, or until the guest ends. With
// `stopped`, the guest stays stopped at the verdict; else it runs on. An error says why the guest cannot be held.
Status hold_guest(Machine& machine, const PreparedGuest& guest, bool stopped, const Terminal& terminal);

}  // namespace memrig
