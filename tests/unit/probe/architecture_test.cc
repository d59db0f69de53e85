// Facts of each architecture: names, stacks, no-operations, entries.
#include <algorithm>

#include <gtest/gtest.h>

#include "probe/registers.h"

namespace memrig {
namespace {

using namespace std::string_literals;

TEST(Architecture, IsFoundByEitherName) {
    EXPECT_EQ(find_architecture("x86_64"), find_architecture("i386:x86-64"));
    EXPECT_EQ(find_architecture("ppc64le"), find_architecture("powerpc:common64"));
    ASSERT_NE(find_architecture("aarch64"), nullptr);
    EXPECT_EQ(find_architecture("mips"), nullptr);
    EXPECT_EQ(find_architecture(""), nullptr);
}

TEST(Architecture, StacksArePowersOfTwo) {
    for (const auto& arch : architectures())
        EXPECT_EQ(arch.kernel_stack_bytes & (arch.kernel_stack_bytes - 1), 0u) << arch.name;
}

TEST(Architecture, X86Nops) {
    const Architecture& x86 = *find_architecture("x86_64");
    const std::pair<std::string, std::size_t> nops[] = {{"\x90", 1},
                                                        {"\x66\x90", 2},
                                                        {"\x0f\x1f\x00"s, 3},
                                                        {"\x0f\x1f\x40\x00"s, 4},
                                                        {"\xf3\x0f\x1e\xfa", 4},
                                                        {"\x0f\x1f\x44\x00\x00"s, 5},
                                                        {"\x66\x0f\x1f\x44\x00\x00"s, 6}};
    for (const auto& [code, length] : nops) {
        EXPECT_EQ(x86.nop_length(code + "\x55\x48"), length) << length;
        EXPECT_LE(length, x86.longest_nop);
        EXPECT_EQ(x86.nop_length(code.substr(0, length - 1)), 0u) << "cut off";
    }
    for (const std::string code : {"\x55", "\xe8\x00\x00\x00\x00", "", "\xcc", "\x0f\x1f", "\xf3\x90"})
        EXPECT_EQ(x86.nop_length(code), 0u);
    EXPECT_EQ(x86.entry_offset("\x55"), 0u);
}

TEST(Architecture, PpcNopsAndLocalEntries) {
    const Architecture& ppc = *find_architecture("ppc64le");
    EXPECT_EQ(ppc.nop_length("\x00\x00\x00\x60"s), 4u);
    EXPECT_EQ(ppc.nop_length("\x01\x00\x00\x60"s), 0u);
    EXPECT_EQ(ppc.entry_offset("\x34\x12\x4c\x3c"s), 8u);  // addis r2,r12,0x1234
    EXPECT_EQ(ppc.entry_offset("\x34\x12\x40\x3c"s), 0u);  // lis r2,0x1234
    EXPECT_EQ(ppc.entry_offset(""), 0u);
    EXPECT_EQ(ppc.link, "lr");
}

TEST(Architecture, Arm64Nops) {
    const Architecture& arm = *find_architecture("aarch64");
    EXPECT_EQ(arm.nop_length("\x1f\x20\x03\xd5"), 4u);  // nop
    EXPECT_EQ(arm.nop_length("\x5f\x24\x03\xd5"), 4u);  // bti c
    EXPECT_EQ(arm.nop_length("\xff\x43\x00\xd1"s), 0u);
    EXPECT_EQ(arm.link, "x30");
}

TEST(Architecture, ADirectCallHasATarget) {
    constexpr std::uint64_t place = 0xffffffff81000100;
    const Architecture& x86 = *find_architecture("x86_64");
    EXPECT_EQ(x86.call_target("\x90\x90\xe8\x10\x00\x00\x00"s, place), place + 0x10);
    EXPECT_EQ(x86.call_target("\xe8\xf0\xff\xff\xff"s, place), place - 0x10);
    EXPECT_EQ(x86.call_target("\xff\xd0"s, place), std::nullopt) << "call *%rax";
    const Architecture& ppc = *find_architecture("ppc64le");
    EXPECT_EQ(ppc.call_target("\x11\x00\x00\x48"s, place), place - 4 + 0x10);  // bl
    EXPECT_EQ(ppc.call_target("\xf1\xff\xff\x4b"s, place), place - 4 - 0x10);
    EXPECT_EQ(ppc.call_target("\x21\x04\x80\x4e"s, place), std::nullopt) << "bctrl";
    const Architecture& arm = *find_architecture("aarch64");
    EXPECT_EQ(arm.call_target("\x04\x00\x00\x94"s, place), place - 4 + 0x10);  // bl
    EXPECT_EQ(arm.call_target("\xfc\xff\xff\x97"s, place), place - 4 - 0x10);
    EXPECT_EQ(arm.call_target("\x20\x00\x3f\xd6"s, place), std::nullopt) << "blr x1";
    for (const auto& arch : architectures()) EXPECT_EQ(arch.call_target("", place), std::nullopt) << arch.name;
}

TEST(Architecture, PreservedRegistersAreNotScratch) {
    for (const auto& arch : architectures()) {
        EXPECT_FALSE(arch.preserved.empty()) << arch.name;
        for (const auto name : arch.preserved) EXPECT_EQ(std::ranges::count(arch.scratch, name), 0) << name;
    }
}

}  // namespace
}  // namespace memrig
