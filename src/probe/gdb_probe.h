// Probe over the gdb remote serial protocol, on a UNIX socket of QEMU's gdbstub.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "probe/probe.h"

namespace memrig {

// Connects, shakes hands and reads the register layout. The guest is stopped from then on, whatever it was before.
Result<std::unique_ptr<Probe>> connect_gdb_probe(const std::string& socket_path, Deadline deadline);
// The same over a socket that is connected already (a tunnel, a test's socket pair).
Result<std::unique_ptr<Probe>> make_gdb_probe(Descriptor socket, Deadline deadline);

}  // namespace memrig
