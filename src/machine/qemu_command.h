// QEMU's command line for an order. Pure: golden files hold it in place.
#pragma once

#include <string>
#include <vector>

#include "machine/machine.h"

namespace memrig {

// Descriptor numbers in the child: listening sockets made by us, so that a connect never has to wait for QEMU to come up.
struct QemuDescriptors {
    static constexpr int qmp = 10;
    static constexpr int gdb = 11;
    static constexpr int console = 12;
    static constexpr int link = 13;
    static constexpr int incoming = 14;
};

// The arguments for its NUMA nodes behind the first.
std::vector<std::string> empty_nodes(const Bench& bench);

// With `incoming`, the guest waits for its state (QMP migrate-incoming).
std::vector<std::string> qemu_command(const MachineSpec& order, bool incoming);

}  // namespace memrig
