// Call paths out of a kernel stack, over a FakeProbe: what points behind a call in the kernel's text, and nothing else.
#include <gtest/gtest.h>

#include "probe/fake_probe.h"
#include "watch/call_path.h"

namespace memrig {
namespace {

using namespace std::string_literals;
using Lines = std::vector<std::string>;

constexpr std::uint64_t kText = 0xffffffff81000000;
constexpr std::uint64_t kTask = 0xffffc90000004000;

class CallPathTest : public ::testing::Test {
protected:
    CallPathTest() {
        for (const std::uint64_t call : {0x40u, 0x140u, 0x240u}) put_code(kText + call, "\xe8\x01\x02\x03\x04"s);
    }
    // Code that ends at `address`.
    void put_code(std::uint64_t address, const std::string& code) {
        EXPECT_TRUE(probe.write_memory(0, address - code.size(), code));
    }
    void push(std::uint64_t at, std::uint64_t word) { probe.poke_u64(at, word); }
    Lines path(std::uint64_t from, std::size_t depth = 8) {
        EXPECT_TRUE(probe.set_register(0, "rsp", from));
        CallPaths paths(symbols);
        const Arrival arrival{0, 0, *probe.registers(0), kTask, {}};
        return paths.read(probe, arrival, depth).value_or(Lines{"an error"});
    }

    FakeProbe probe{*find_architecture("x86_64"), 1};
    SymbolTable symbols{{{kText, 't', "inner"},
                         {kText + 0x100, 'T', "middle"},
                         {kText + 0x200, 'W', "outer"},
                         {kText + 0x300, 'd', "data"}}};
    std::uint64_t sp = kTask + 0x3000;
};

TEST_F(CallPathTest, InnermostFirstAndOtherWordsPassedOver) {
    put_code(kText + 0x310, "\xe8\x01\x02\x03\x04"s);
    push(sp, kText + 0x40);
    push(sp + 8, 0x1234);
    push(sp + 16, kTask + 0x3800);  // a frame pointer
    push(sp + 24, kText + 0x150);   // in the text, but behind no call
    push(sp + 32, kText + 0x140);
    push(sp + 40, kText + 0x100);  // a function's beginning
    push(sp + 48, kText + 0x310);  // data
    push(sp + 56, kText + 0x240);
    EXPECT_EQ(path(sp), (Lines{"inner+0x40", "middle+0x40", "outer+0x40"}));
}

TEST_F(CallPathTest, NoDeeperThanAskedFor) {
    for (unsigned i = 0; i < 5; i++) push(sp + 8 * i, kText + 0x40);
    EXPECT_EQ(path(sp, 2).size(), 2u);
}

TEST_F(CallPathTest, EndsWithTheStack) {
    const std::uint64_t end = kTask + 16384;
    push(end - 8, kText + 0x40);
    push(end, kText + 0x140);
    EXPECT_EQ(path(end - 8), Lines{"inner+0x40"});
    EXPECT_EQ(path(end - 4), Lines{});
}

TEST_F(CallPathTest, IndirectCallsCount) {
    put_code(kText + 0x20, "\xff\xd0");                   // call *%rax
    put_code(kText + 0x30, "\xff\x90\x10\x00\x00\x00"s);  // call *0x10(%rax)
    put_code(kText + 0x38, "\xff\xe0");                   // jmp *%rax
    push(sp, kText + 0x20);
    push(sp + 8, kText + 0x30);
    push(sp + 16, kText + 0x38);
    EXPECT_EQ(path(sp), (Lines{"inner+0x20", "inner+0x30"}));
}

TEST(EndsInCall, OtherArchitectures) {
    const Architecture& ppc = *find_architecture("ppc64le");
    EXPECT_TRUE(ppc.ends_in_call("\x01\x00\x00\x48"s));   // bl
    EXPECT_FALSE(ppc.ends_in_call("\x00\x00\x00\x48"s));  // b
    EXPECT_TRUE(ppc.ends_in_call("\x21\x04\x80\x4e"s));   // bctrl
    EXPECT_FALSE(ppc.ends_in_call("\x20\x04\x80\x4e"s));  // bctr
    const Architecture& arm = *find_architecture("aarch64");
    EXPECT_TRUE(arm.ends_in_call("\x00\x00\x00\x94"s));   // bl
    EXPECT_FALSE(arm.ends_in_call("\x00\x00\x00\x14"s));  // b
    EXPECT_TRUE(arm.ends_in_call("\x20\x00\x3f\xd6"s));   // blr x1
    EXPECT_FALSE(arm.ends_in_call("\xc0\x03\x5f\xd6"s));  // ret
    for (const auto& arch : architectures()) EXPECT_FALSE(arch.ends_in_call("")) << arch.name;
}

}  // namespace
}  // namespace memrig
