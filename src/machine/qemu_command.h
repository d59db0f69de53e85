// Makes QEMU's command line from a MachineSpec. Pure: golden files pin the result.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.h"

namespace memrig {

// Descriptor numbers in QEMU's process. All but `incoming` are sockets on which memrig already listens, so that a
// connect never waits for QEMU to come up. `incoming` is the file with the saved state.
struct QemuDescriptors {
    static constexpr int qmp = 10;
    static constexpr int gdb = 11;
    static constexpr int console = 12;
    static constexpr int link = 13;
    static constexpr int incoming = 14;
};

// The arguments for the bench's NUMA nodes after node 0. They begin empty.
std::vector<std::string> empty_nodes(const Bench& bench);

// With `incoming`, QEMU waits for the guest's state (QMP migrate-incoming).
std::vector<std::string> qemu_command(const MachineSpec& spec, bool incoming);

}  // namespace memrig
