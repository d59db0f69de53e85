// Kernel objects as the probe reads them out of a stopped guest. Layouts are probed, never assumed from a version.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "probe/probe.h"
#include "probe/symbols.h"

namespace memrig {

// The name of a `struct device` (its kobject's), "" where it has none that can be read. On recent kernels the device begins
// with its kobject, and that with the name; on older ones two pointers come first (include/linux/device.h).
Result<std::string> device_name(Probe& probe, unsigned vcpu, std::uint64_t device);

// N of a memory block's device "memoryN" (drivers/base/memory.c, memory_dev_name); nothing for any other device.
Result<std::optional<std::uint64_t>> memory_block_of(Probe& probe, unsigned vcpu, std::uint64_t device);

// THREAD_SIZE: that of the first task's stack, whose ends are symbols (include/asm-generic/vmlinux.lds.h, INIT_TASK_DATA); the
// architecture's usual one where the kernel has no symbols for data. ppc64 has doubled it (CONFIG_THREAD_SHIFT), and so does KASAN.
std::uint64_t kernel_stack_bytes(const SymbolTable& symbols, const Architecture& architecture);

}  // namespace memrig
