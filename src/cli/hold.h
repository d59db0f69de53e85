// A guest that is left to the user when its trial has come to its verdict.
#pragma once

#include "base/error.h"
#include "cli/output.h"
#include "machine/guest_store.h"
#include "machine/machine.h"

namespace memrig {

// Says how to get at the guest, and waits until the user presses Enter or Ctrl-C, or the guest ends. `stopped`: it stands still at the
// verdict, and gdb's command, with the kernel's symbols, is told; else it runs on. An error says why there is nothing to hold.
Status hold_guest(Machine& machine, const PreparedGuest& guest, bool stopped, const Terminal& terminal);

}  // namespace memrig
