// Kernel objects out of a FakeProbe's memory: a device's name in either layout, and memory blocks.
#include <gtest/gtest.h>

#include "probe/fake_probe.h"
#include "probe/kernel_objects.h"

namespace memrig {
namespace {

constexpr std::uint64_t kDevice = 0xffff888001000000;
constexpr std::uint64_t kText = 0xffff888002000000;

class KernelObjectsTest : public ::testing::Test {
protected:
    // The name's pointer lies `offset` bytes into the device.
    void put(const std::string& name, std::uint64_t offset = 0) {
        probe.poke_u64(kDevice + offset, kText);
        ASSERT_TRUE(probe.write_memory(0, kText, name + std::string(1, '\0')));
    }
    std::string name() { return device_name(probe, 0, kDevice).value_or("an error"); }
    std::optional<std::uint64_t> block() { return memory_block_of(probe, 0, kDevice).value_or(std::nullopt); }

    FakeProbe probe{*find_architecture("x86_64"), 1};
};

TEST_F(KernelObjectsTest, ANameInFront) {
    put("memory32");
    EXPECT_EQ(name(), "memory32");
    EXPECT_EQ(block(), 32u);
}

TEST_F(KernelObjectsTest, TheSizeOfAStructPageIsReadFromWhatTheKernelTellsDumps) {
    constexpr std::uint64_t vmcoreinfo = 0xffff888003000000;
    const SymbolTable symbols({{kDevice, 'B', "vmcoreinfo_data"}});
    const auto bytes = [&](std::string text) {
        text.resize(4096);
        EXPECT_TRUE(probe.write_memory(0, vmcoreinfo, text));
        return page_struct_bytes(probe, 0, symbols).value_or(1);
    };
    EXPECT_EQ(bytes(""), 0u) << "the pointer is not set";
    probe.poke_u64(kDevice, vmcoreinfo);
    EXPECT_EQ(bytes("OSRELEASE=6.12\nPAGESIZE=4096\nSIZE(page)=64\nSIZE(pglist_data)=9\n"), 64u);
    EXPECT_EQ(bytes("SIZE(page)=80\n"), 80u);
    for (const char* none : {"XSIZE(page)=64\n", "SIZE(page)=\n", "SIZE(page)=64", "SIZE(page)=99999\n", ""})
        EXPECT_EQ(bytes(none), 0u) << none;
    EXPECT_EQ(page_struct_bytes(probe, 0, SymbolTable(std::vector<Symbol>())).value_or(1), 0u);
    probe.absent = {kDevice};
    EXPECT_EQ(bytes("SIZE(page)=64\n"), 0u) << "the vCPU does not see the pointer";
}

TEST(KernelStacks, AreAsLargeAsTheFirstTasksIs) {
    const Architecture& power = *find_architecture("ppc64le");
    const auto bytes = [&](std::vector<Symbol> symbols) {
        return kernel_stack_bytes(SymbolTable(std::move(symbols)), power);
    };
    EXPECT_EQ(bytes({{0xc000000000ac8000, 'B', "__start_init_stack"}, {0xc000000000ad0000, 'B', "__end_init_stack"}}),
              32768u);
    EXPECT_EQ(bytes({}), 16384u) << "the architecture's, without symbols for data";
    EXPECT_EQ(bytes({{0xc000000000ac8000, 'B', "__start_init_stack"}, {0xc000000000ace000, 'B', "__end_init_stack"}}),
              16384u)
        << "no mask can be made of 24 KiB";
}

// Before v6.10 the ends have other names (include/asm-generic/vmlinux.lds.h, INIT_TASK_DATA).
TEST(KernelStacks, AreAsLargeAsTheFirstTasksIsUnderItsOlderName) {
    const Architecture& x86 = *find_architecture("x86_64");
    const SymbolTable symbols(
        {{0xffffffff82e00000, 'D', "__start_init_task"}, {0xffffffff82e08000, 'D', "__end_init_task"}});
    EXPECT_EQ(kernel_stack_bytes(symbols, x86), 32768u);
    EXPECT_EQ(kernel_stack_gap(symbols, x86), "");
}

TEST(KernelStacks, ASizeThatCannotBeOneIsPassedOverAndTold) {
    const Architecture& x86 = *find_architecture("x86_64");
    const auto ends = [](const std::string& name, std::uint64_t bytes) {
        return std::vector<Symbol>{{0xffffffff82e00000, 'D', "__start_init_" + name},
                                   {0xffffffff82e00000 + bytes, 'D', "__end_init_" + name}};
    };
    for (const std::uint64_t bytes : {8ull, 24576ull, 4096ull, 1ull << 21}) {
        const SymbolTable wrong(ends("stack", bytes));
        EXPECT_EQ(kernel_stack_bytes(wrong, x86), 16384u) << bytes;
        EXPECT_EQ(
            kernel_stack_gap(wrong, x86),
            fmt::format("the first task's stack has {} bytes, which is no size of a stack: taken as 16384", bytes));
        auto both = ends("stack", bytes);
        for (const auto& symbol : ends("task", 32768)) both.push_back(symbol);
        EXPECT_EQ(kernel_stack_bytes(SymbolTable(both), x86), 32768u) << bytes;
    }
    EXPECT_EQ(kernel_stack_gap(SymbolTable(std::vector<Symbol>()), x86),
              "no symbol tells the size of a kernel stack: taken as 16384 bytes");
    EXPECT_EQ(kernel_stack_gap(SymbolTable(ends("stack", 16384)), x86), "");
}

// Before v5.8 or so a parent and a pointer to private data come first.
TEST_F(KernelObjectsTest, ANameBehindTwoPointers) {
    put("memory7", 16);
    probe.poke_u64(kDevice, 0xffff888003000000);  // parent: what it points at is no text
    ASSERT_TRUE(probe.write_memory(0, 0xffff888003000000, "\x01\x02\x03"));
    EXPECT_EQ(name(), "memory7");
    EXPECT_EQ(block(), 7u);
}

TEST_F(KernelObjectsTest, APpcPointerIsOneToo) {
    constexpr std::uint64_t text = 0xc000000001000000;
    probe.poke_u64(kDevice, text);
    ASSERT_TRUE(probe.write_memory(0, text, {"memory1\0", 8}));
    EXPECT_EQ(block(), 1u);
}

TEST_F(KernelObjectsTest, NoNameIsNone) {
    EXPECT_EQ(name(), "");
    probe.poke_u64(kDevice, 0x1234);  // no kernel pointer
    EXPECT_EQ(name(), "");
    put("");
    EXPECT_EQ(name(), "");
    put("caf\xc3\xa9");
    EXPECT_EQ(name(), "");
    put(std::string(40, 'x'));  // longer than any that is asked for
    EXPECT_EQ(name(), "");
}

TEST_F(KernelObjectsTest, OtherDevicesAreNoBlocks) {
    for (const auto* other : {"cpu1", "memory", "memoryx", "memory1x", "memory-1", "xmemory1", "node0"}) {
        put(other);
        EXPECT_EQ(name(), other);
        EXPECT_FALSE(block()) << other;
    }
}

TEST_F(KernelObjectsTest, LargeNumbers) {
    put("memory18446744073709551615");
    EXPECT_EQ(block(), ~0ull);
    put("memory18446744073709551616");
    EXPECT_FALSE(block());
}

}  // namespace
}  // namespace memrig
