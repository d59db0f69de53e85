// Makes a Probe that speaks the gdb remote serial protocol over a UNIX socket of QEMU's gdbstub.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "probe/probe.h"

namespace memrig {

// Connects, shakes hands and reads the register layout. Stops the guest if it runs.
Result<std::unique_ptr<Probe>> connect_gdb_probe(const std::string& socket_path, Deadline deadline);
// Does the same on a socket that is already connected (a tunnel, a test's socket pair).
Result<std::unique_ptr<Probe>> make_gdb_probe(Descriptor socket, Deadline deadline);

}  // namespace memrig
