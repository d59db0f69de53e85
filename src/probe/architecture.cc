#include "probe/architecture.h"

#include <algorithm>

#include <elf.h>

namespace memrig {

namespace {

using namespace std::string_view_literals;

// endbr64, and the multi-byte nops that the processor manuals recommend and the kernel uses
// (arch/x86/include/asm/nops.h).
constexpr std::array kX86Nops = {
    "\xf3\x0f\x1e\xfa"sv,
    "\x0f\x1f\x44\x00\x00"sv,
    "\x66\x0f\x1f\x44\x00\x00"sv,
    "\x0f\x1f\x40\x00"sv,
    "\x0f\x1f\x00"sv,
    "\x66\x90"sv,
    "\x90"sv,
};

std::size_t x86_nop_length(std::string_view code) {
    const auto* nop = std::ranges::find_if(kX86Nops, [&](std::string_view bytes) { return code.starts_with(bytes); });
    return nop == kX86Nops.end() ? 0 : nop->size();
}

std::uint32_t word_at(std::string_view code) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4 && i < code.size(); i++)
        word |= static_cast<std::uint32_t>(static_cast<unsigned char>(code[i])) << (8 * i);
    return word;
}

std::size_t ppc_nop_length(std::string_view code) { return word_at(code) == 0x60000000 ? 4 : 0; }  // ori 0,0,0

// In ELFv2, a function that needs its TOC begins with `addis r2,r12,...; addi r2,r2,...`.
// Callers inside vmlinux enter behind these two instructions.
std::uint64_t ppc_entry_offset(std::string_view code) { return (word_at(code) & 0xffff0000) == 0x3c4c0000 ? 8 : 0; }

std::size_t arm64_nop_length(std::string_view code) {
    const std::uint32_t word = word_at(code);
    return word == 0xd503201f || word == 0xd503245f ? 4 : 0;  // nop, bti c
}

// Recognises call rel32 and an indirect call through a register or memory (ff /2, 2 to 7 bytes long).
bool x86_ends_in_call(std::string_view code) {
    const auto byte = [&](std::size_t from_end) { return static_cast<unsigned char>(code[code.size() - from_end]); };
    if (code.size() >= 5 && byte(5) == 0xe8) return true;
    for (std::size_t length = 2; length <= 7 && length <= code.size(); length++)
        if (byte(length) == 0xff && (byte(length - 1) & 0x38) == 0x10) return true;
    return false;
}

bool ppc_ends_in_call(std::string_view code) {
    const std::uint32_t word = word_at(code);
    return (word & 0xfc000003) == 0x48000001 || (word & 0xfc0007ff) == 0x4c000421;  // bl, bctrl
}

bool arm64_ends_in_call(std::string_view code) {
    const std::uint32_t word = word_at(code);
    return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000;  // bl, blr
}

constexpr std::uint64_t sign_extended(std::uint64_t value, unsigned bits) {
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    return (value ^ sign) - sign;
}

std::optional<std::uint64_t> x86_call_target(std::string_view code, std::uint64_t address) {
    constexpr std::size_t length = 5;
    if (code.size() < length || static_cast<unsigned char>(code[code.size() - length]) != 0xe8) return std::nullopt;
    return address + sign_extended(word_at(code.substr(code.size() - 4)), 32);
}

std::optional<std::uint64_t> ppc_call_target(std::string_view code, std::uint64_t address) {
    const std::uint32_t word = word_at(code);
    if ((word & 0xfc000003) != 0x48000001) return std::nullopt;  // bl
    return address - 4 + sign_extended(word & 0x03fffffc, 26);
}

std::optional<std::uint64_t> arm64_call_target(std::string_view code, std::uint64_t address) {
    const std::uint32_t word = word_at(code);
    if ((word & 0xfc000000) != 0x94000000) return std::nullopt;  // bl
    return address - 4 + sign_extended(std::uint64_t{word & 0x03ffffff} << 2, 28);
}

std::uint64_t no_entry_offset(std::string_view) { return 0; }

// The C calling conventions: System V x86-64, ELFv2, AAPCS64.
constexpr std::array kX86Scratch = {"rax"sv, "rcx"sv, "rdx"sv, "rsi"sv, "rdi"sv, "r8"sv, "r9"sv, "r10"sv, "r11"sv};
constexpr std::array kPpcScratch = {"r0"sv,  "r3"sv,  "r4"sv,  "r5"sv, "r6"sv,  "r7"sv,  "r8"sv, "r9"sv,
                                    "r10"sv, "r11"sv, "r12"sv, "lr"sv, "ctr"sv, "xer"sv, "cr"sv};
constexpr std::array kArm64Scratch = {"x0"sv,  "x1"sv,  "x2"sv,  "x3"sv,  "x4"sv,  "x5"sv,  "x6"sv,
                                      "x7"sv,  "x8"sv,  "x9"sv,  "x10"sv, "x11"sv, "x12"sv, "x13"sv,
                                      "x14"sv, "x15"sv, "x16"sv, "x17"sv, "x18"sv, "x30"sv};

constexpr std::array kX86Preserved = {"rbx"sv, "rbp"sv, "r12"sv, "r13"sv, "r14"sv, "r15"sv};
constexpr std::array kPpcPreserved = {"r14"sv, "r15"sv, "r16"sv, "r17"sv, "r18"sv, "r19"sv, "r20"sv, "r21"sv, "r22"sv,
                                      "r23"sv, "r24"sv, "r25"sv, "r26"sv, "r27"sv, "r28"sv, "r29"sv, "r30"sv, "r31"sv};
constexpr std::array kArm64Preserved = {"x19"sv, "x20"sv, "x21"sv, "x22"sv, "x23"sv, "x24"sv,
                                        "x25"sv, "x26"sv, "x27"sv, "x28"sv, "x29"sv};

// PAGE_OFFSET up to RADIX_VMALLOC_START (arch/powerpc/include/asm/book3s/64/radix.h).
constexpr LinearMap kPpcLinearMap{0xc000000000000000, 0x0008000000000000};

// __START_KERNEL with the default PHYSICAL_START (arch/x86/include/asm/page_types.h).
constexpr std::uint64_t kX86LinkedAt = 0xffffffff81000000;
constexpr std::uint32_t kElfV2 = 2;  // EF_PPC64_ABI

// clang-format off
constexpr std::array kArchitectures = {
    Architecture{"x86_64", "i386:x86-64", "rip", "rsp", "", "rax", {"rdi", "rsi", "rdx", "rcx", "r8", "r9"}, kX86Scratch,
                 kX86Preserved, 16384, 1, 6, x86_nop_length, x86_ends_in_call, 7, x86_call_target, no_entry_offset, {0, 0}, true, EM_X86_64, 0, kX86LinkedAt},
    Architecture{"ppc64le", "powerpc:common64", "pc", "r1", "lr", "r3", {"r3", "r4", "r5", "r6", "r7", "r8"}, kPpcScratch,
                 kPpcPreserved, 16384, 4, 4, ppc_nop_length, ppc_ends_in_call, 4, ppc_call_target, ppc_entry_offset, kPpcLinearMap, true, EM_PPC64, kElfV2, 0},
    Architecture{"aarch64", "aarch64", "pc", "sp", "x30", "x0", {"x0", "x1", "x2", "x3", "x4", "x5"}, kArm64Scratch,
                 kArm64Preserved, 16384, 4, 4, arm64_nop_length, arm64_ends_in_call, 4, arm64_call_target, no_entry_offset, {0, 0}, false, EM_AARCH64, 0, 0},
};
// clang-format on

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture* find_architecture(std::string_view name) {
    const auto* found = std::ranges::find_if(
        kArchitectures, [&](const Architecture& arch) { return arch.name == name || arch.gdb_name == name; });
    return found == kArchitectures.end() ? nullptr : found;
}

}  // namespace memrig
