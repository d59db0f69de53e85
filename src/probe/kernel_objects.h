// Reads kernel objects out of a stopped guest. Layouts are probed, never assumed from a kernel version.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "probe/probe.h"
#include "probe/symbols.h"

namespace memrig {

// Returns the name of a `struct device` (its kobject's name), or "" if none can be read. In recent kernels, the device
// begins with its kobject, and that with the name. In older ones, two pointers come first (include/linux/device.h).
Result<std::string> device_name(Probe& probe, unsigned vcpu, std::uint64_t device);

// Returns N for a memory block's device "memoryN" (drivers/base/memory.c, memory_dev_name), nothing for other devices.
Result<std::optional<std::uint64_t>> memory_block_of(Probe& probe, unsigned vcpu, std::uint64_t device);

// Returns true if `task_struct` is that of the task with this kernel stack (task_struct::stack, include/linux/sched.h).
// False where there is no memory.
Result<bool> is_task(Probe& probe, unsigned vcpu, std::uint64_t task_struct, std::uint64_t stack);

// Returns THREAD_SIZE in bytes. It is the size of the first task's stack, whose ends are symbols
// (include/asm-generic/vmlinux.lds.h, INIT_TASK_DATA; `__start_init_task` was renamed `__start_init_stack`). For a
// kernel without symbols for data, it is the architecture's usual size. The size varies: ppc64 has doubled it
// (CONFIG_THREAD_SHIFT), and KASAN doubles it too.
std::uint64_t kernel_stack_bytes(const SymbolTable& symbols, const Architecture& architecture);
// Returns "" if the kernel itself tells kernel_stack_bytes(), else a text for the report: the size is a guess then.
// With a wrong one, each task seems to be two, or two seem to be one.
std::string kernel_stack_gap(const SymbolTable& symbols, const Architecture& architecture);

// Returns the kernel's BTF, which lies between __start_BTF and __stop_BTF (include/asm-generic/vmlinux.lds.h). Empty if
// the kernel has none, or no symbols for data. Some megabytes.
Result<std::string> read_btf(Probe& probe, const SymbolTable& symbols);

// Returns sizeof(struct page) in bytes, as the kernel tells it to those that read its dumps: `SIZE(page)` in vmcoreinfo
// (kernel/vmcore_info.c; before v6.9 kernel/crash_core.c). 0 for a kernel that does not tell it.
Result<std::uint64_t> page_struct_bytes(Probe& probe, unsigned vcpu, const SymbolTable& symbols);

}  // namespace memrig
