// Makes a Probe that speaks the gdb remote serial protocol over a UNIX socket of QEMU's gdbstub.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "probe/probe.h"

namespace memrig {

struct ProbeOptions {
    bool steps_over_breakpoints = true;  // Probe::steps_over_breakpoints(); it depends on QEMU's accelerator
    // The time after which no answer is awaited. An answer that takes a minute is not awaited either.
    Deadline answers_by{SteadyTime::max()};
};

// Connects, shakes hands and reads the register layout. Stops the guest if it runs. Fault::host if a
// step needs the breakpoint removed, and QEMU cannot mask interrupts during the step: the vCPU would go to an interrupt
// handler instead, and come to the breakpoint a second time.
Result<std::unique_ptr<Probe>> connect_gdb_probe(const std::string& socket_path, Deadline deadline,
                                                 const ProbeOptions& options = {});
// Does the same on a socket that is already connected (a tunnel, a test's socket pair).
Result<std::unique_ptr<Probe>> make_gdb_probe(Descriptor socket, Deadline deadline, const ProbeOptions& options = {});

}  // namespace memrig
