// Finds the observer's plugin that a QEMU takes, and where guest memory is in QEMU's process.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "machine/emulator.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Returns the plugin that this emulator takes. It is tried out, as QEMU takes only some versions of its own interface:
// an emulator without a machine loads it and quits. Fault::host if the emulator takes none, with the reason. The answer
// is kept as long as memrig runs. Thread-safe.
Result<std::filesystem::path> find_observer_plugin(const Emulator& emulator);

// Returns where the `size` bytes at a kernel address of the guest are in QEMU's own process, as QEMU's monitor tells it
// (gva2gpa, gpa2hva). It is the same as long as the guest maps the address to the same memory: always, for the kernel's
// own data and for the memory that it maps directly. The page tables of any of the machine's `vcpus` will do.
// Fault::rig if there is no memory, or if it is in pieces. REQUIRES: the guest is stopped; vcpus > 0; size > 0.
Result<std::uint64_t> host_address_of(QmpClient& qmp, unsigned vcpus, std::uint64_t address, std::uint64_t size,
                                      Deadline deadline);

}  // namespace memrig
