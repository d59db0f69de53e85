// What the probe must know of a processor architecture and its kernel's calling convention, as a value.
// A new architecture is a new value here and nothing else in the probe: see docs/porting.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace memrig {

// Kernel addresses that are physical ones plus `base`; none where there are no bytes.
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
    std::span<const std::string_view> scratch;  // registers that a called function need not preserve
    std::uint64_t
        kernel_stack_bytes;  // THREAD_SIZE, where symbols do not tell (kernel_objects.h); sp without its low bits names a task
    unsigned breakpoint_kind;  // the `kind` of a Z0 packet
    std::size_t longest_nop;   // bytes to read at a breakpoint to recognise a nop
    // The length of the nop that `code` begins with, 0 if it begins with none. ftrace leaves one at functions' entries:
    // passing it by moving pc saves a single-step.
    std::size_t (*nop_length)(std::string_view code);
    // Whether the bytes that end where a return address points (`longest_call` of them) end in a call.
    bool (*ends_in_call)(std::string_view code);
    std::size_t longest_call;
    // How far behind the symbol's address direct calls land, given the code there (ppc64le's local entry), else 0.
    std::uint64_t (*entry_offset)(std::string_view code);
    // Where QEMU shows the probe no kernel memory by way of a vCPU in user mode, as that has no right to it
    // (target/ppc/mmu-radix64.c): the part that can be read as physical memory instead. None: another vCPU is asked.
    LinearMap linear_map;
    // Whether a write that QEMU's emulation stops for a watchpoint comes to pass. On arm64 (QEMU 7.2) an atomic one does not: the guest stops
    // before it, and before it again, however often it is let go on.
    bool watched_writes_pass;
    std::uint16_t elf_machine;  // e_machine and e_flags of its kernel's file
    std::uint32_t elf_flags;
    std::uint64_t
        linked_at;  // where the default configuration's _text is linked to; 0: the kernel is not moved, or not known
};

// Its upper half: the kernel's, on all of them.
inline bool is_kernel_address(std::uint64_t address) { return address >> 63 == 1; }

std::span<const Architecture> architectures();
// By uname's name ("x86_64") or by gdb's ("i386:x86-64"); null where unknown.
const Architecture* find_architecture(std::string_view name);

}  // namespace memrig
