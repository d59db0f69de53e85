// Makes QEMU's command line from a MachineSpec. Pure: golden files pin the result.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.h"

namespace memrig {

// Descriptor numbers in QEMU's process. All but the last two are sockets on which memrig already listens, so that a
// connect never waits for QEMU to come up. `incoming` is the file with the saved state, `observer` the observer's
// memory.
struct QemuDescriptors {
    static constexpr int qmp = 10;
    static constexpr int gdb = 11;
    static constexpr int console = 12;
    static constexpr int link = 13;
    static constexpr int incoming = 14;
    static constexpr int observer = 15;
};

// The arguments for the bench's NUMA nodes after node 0. They begin empty.
std::vector<std::string> empty_nodes(const Bench& bench);

// The value of -plugin for this file; without a descriptor, the plugin does nothing.
std::string plugin_option(const std::filesystem::path& file, int descriptor = -1);

// With `incoming`, QEMU waits for the guest's state (QMP migrate-incoming).
std::vector<std::string> qemu_command(const MachineSpec& spec, bool incoming);

}  // namespace memrig
