// Describes a processor architecture and its kernel's calling convention to the probe, as a value.
// A new architecture needs a new value in architecture.cc, and no other change of the probe: see docs/porting.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace memrig {

// A range of kernel addresses that are physical addresses plus `base`. Empty if `bytes` is 0.
struct LinearMap {
    std::uint64_t base, bytes;
    [[nodiscard]] bool contains(std::uint64_t address, std::size_t size) const {
        return address >= base && address - base < bytes && size <= bytes - (address - base);
    }
};

struct Architecture {
    std::string_view name;      // as `uname -m` prints it
    std::string_view gdb_name;  // the <architecture> of gdb's target description
    std::string_view pc, sp;    // register names, as in the target description
    std::string_view link;      // holds the return address at a function's entry; empty: it is on the stack
    std::string_view return_value;
    std::array<std::string_view, 6> arguments;
    std::span<const std::string_view> scratch;    // registers that a called function need not preserve
    std::span<const std::string_view> preserved;  // the other general registers: a called function preserves them
    // THREAD_SIZE, for kernels whose symbols do not give it (kernel_objects.h). The stack pointer without the low bits
    // that this size covers identifies a task.
    std::uint64_t kernel_stack_bytes;
    unsigned breakpoint_kind;  // the `kind` of a Z0 packet
    std::size_t longest_nop;   // bytes to read at a breakpoint to recognise a nop
    // Returns the length of the nop that `code` begins with, or 0. ftrace leaves a nop at the entry of a function:
    // moving pc behind it saves a single-step.
    std::size_t (*nop_length)(std::string_view code);
    // Returns true if `code` ends in a call. `code` is the `longest_call` bytes before a possible return address.
    bool (*ends_in_call)(std::string_view code);
    std::size_t longest_call;
    // Returns the address that a direct call goes to. Nothing for an indirect call, or for no call. `code` is as for
    // ends_in_call(), and ends at `address`.
    std::optional<std::uint64_t> (*call_target)(std::string_view code, std::uint64_t address);
    // Returns how many bytes behind the symbol's address direct calls land (ppc64le's local entry), else 0. `code` is
    // the code at that address.
    std::uint64_t (*entry_offset)(std::string_view code);
    // On some architectures, QEMU cannot read kernel memory through a vCPU in user mode, which has no right to it
    // (target/ppc/mmu-radix64.c). The probe then reads this range as physical memory. It reads other kernel addresses
    // through another vCPU.
    LinearMap linear_map;
    // True if a write that hits a watchpoint takes effect under QEMU's emulation. On arm64 (QEMU 7.2), an atomic write
    // does not: the guest stops before it, and stops there again each time it is resumed.
    bool watched_writes_pass;
    std::uint16_t elf_machine;  // e_machine and e_flags of the kernel's ELF file
    std::uint32_t elf_flags;
    // The address that _text is linked to in the default configuration. 0: the kernel is not moved,
    // or the address is not known.
    std::uint64_t linked_at;
};

// On all these architectures, the upper half of the address space belongs to the kernel.
inline bool is_kernel_address(std::uint64_t address) { return address >> 63 == 1; }

std::span<const Architecture> architectures();
// Finds an architecture by uname's name ("x86_64") or gdb's ("i386:x86-64"). Returns null if it is unknown.
const Architecture* find_architecture(std::string_view name);

}  // namespace memrig
