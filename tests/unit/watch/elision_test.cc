// Elision over a FakeProbe: only the caller that is named, and the unlock by task.
#include "watch/elision.h"
#include "kernel_fixture.h"
#include "probe/function_watch.h"

namespace memrig {
namespace {

const ElisionSpec kOrder{"lock_device_hotplug", "unlock_device_hotplug", {"acpi_device_hotplug"}, 0};

class ElisionTest : public ::testing::Test {
protected:
    void make(const ElisionSpec& order = kOrder) {
        auto made = Elision::make(kernel.conductor, kernel.symbols, order);
        ASSERT_TRUE(made) << made.error().message;
        elision = *std::move(made);
    }
    std::uint64_t pc(unsigned vcpu) {
        EXPECT_TRUE(kernel.conductor.pause());
        return kernel.probe.registers(vcpu)->pc();
    }
    void expect_counts(std::uint64_t locks, std::uint64_t unlocks, std::uint64_t others) {
        EXPECT_EQ(elision->counts().locks, locks);
        EXPECT_EQ(elision->counts().unlocks, unlocks);
        EXPECT_EQ(elision->counts().others, others);
    }

    FakeKernel kernel{
        {"lock_device_hotplug", "unlock_device_hotplug", "acpi_device_hotplug", "state_store", "add_memory"}};
    std::unique_ptr<Elision> elision;
};

TEST_F(ElisionTest, TheNamedCallerGoesOnWithoutTheLock) {
    make();
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    EXPECT_EQ(pc(1), kernel.at("acpi_device_hotplug", 0x41));
    EXPECT_EQ(kernel.probe.registers(1)->sp(), FakeKernel::sp(kAdder) + 8);
    expect_counts(1, 0, 0);
}

TEST_F(ElisionTest, WhoWatchesTheLockFunctionSeesNoCallThatIsElided) {
    unsigned seen = 0;
    ASSERT_TRUE(kernel.conductor.watch(kernel.at("lock_device_hotplug"), [&](const Arrival&) -> Result<Response> {
        seen++;
        return Response::pass();
    }));
    make();
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    EXPECT_EQ(seen, 0u);
    kernel.will_call(2, kOnliner, "lock_device_hotplug", "state_store");
    kernel.run();
    EXPECT_EQ(seen, 1u);
}

// A kernel need not have each caller that is named.
TEST_F(ElisionTest, AnyOfTheNamedCallersGoesOnWithoutTheLock) {
    make({"lock_device_hotplug", "unlock_device_hotplug", {"no_caller", "acpi_device_hotplug", "add_memory"}, 0});
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    expect_counts(1, 0, 0);
    kernel.will_call(2, kOnliner, "lock_device_hotplug", "add_memory");
    kernel.will_call(1, kThird, "lock_device_hotplug", "state_store");
    kernel.run();
    expect_counts(2, 0, 1);
}

TEST_F(ElisionTest, OtherCallersTakeTheLock) {
    make();
    kernel.will_call(2, kOnliner, "lock_device_hotplug", "state_store");
    kernel.run();
    EXPECT_EQ(pc(2), kernel.at("lock_device_hotplug") + kernel.probe.step_bytes)
        << "it did not go on into the function";
    expect_counts(0, 0, 1);
}

TEST_F(ElisionTest, TheLockFunctionSeemsToHaveReturnedTheValue) {
    make({"lock_device_hotplug", "unlock_device_hotplug", {"acpi_device_hotplug"}, 1});
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    ASSERT_TRUE(kernel.conductor.pause());
    EXPECT_EQ(kernel.probe.registers(1)->return_value(), 1u);
}

TEST_F(ElisionTest, TheUnlockOfThatTaskIsElidedWhoeverCallsItWhereverItRuns) {
    make();
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(2, kAdder, "unlock_device_hotplug", "add_memory", 0, 0x80);  // as by a tail call, on another vCPU
    kernel.run();
    EXPECT_EQ(pc(2), kernel.at("add_memory", 0x41));
    expect_counts(1, 1, 0);
}

TEST_F(ElisionTest, AnUnlockOfAnotherTaskIsMade) {
    make();
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(2, kOnliner, "unlock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    EXPECT_EQ(pc(2), kernel.at("unlock_device_hotplug") + kernel.probe.step_bytes);
    expect_counts(1, 0, 0);
}

TEST_F(ElisionTest, AnUnlockWithoutALockIsMade) {
    make();
    kernel.will_call(1, kAdder, "unlock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    expect_counts(0, 0, 0);
}

TEST_F(ElisionTest, NestedLocksNeedAsManyUnlocks) {
    make();
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug", 0, 0x80);
    kernel.will_call(1, kAdder, "unlock_device_hotplug", "acpi_device_hotplug", 0, 0x80);
    kernel.will_call(1, kAdder, "unlock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(1, kAdder, "unlock_device_hotplug", "acpi_device_hotplug");  // one too many: made
    kernel.run();
    expect_counts(2, 2, 0);
    EXPECT_EQ(pc(1), kernel.at("unlock_device_hotplug") + kernel.probe.step_bytes);
}

TEST_F(ElisionTest, TwoTasksAtATime) {
    make();
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(2, kThird, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(2, kThird, "unlock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(1, kAdder, "unlock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    expect_counts(2, 2, 0);
}

TEST_F(ElisionTest, ACallFromACloneOfTheCallerCounts) {
    FakeKernel own({"lock_device_hotplug", "unlock_device_hotplug", "acpi_device_hotplug.isra.0"});
    auto made = Elision::make(own.conductor, own.symbols, kOrder);
    ASSERT_TRUE(made);
    own.probe.poke_u64(FakeKernel::sp(kAdder), own.at("acpi_device_hotplug", 0x10));
    own.probe.will_stop(1, own.at("lock_device_hotplug"), {{"rsp", FakeKernel::sp(kAdder)}});
    own.run();
    EXPECT_EQ((*made)->counts().locks, 1u);
}

// An LTO kernel: the caller itself calls mutex_lock(&device_hotplug_lock) and mutex_unlock().
class InlinedLock : public ::testing::Test {
protected:
    void SetUp() override {
        put_call(0x20, "mutex_lock");
        put_call(0x30, "mutex_unlock");
        auto made = Elision::make(kernel.conductor, kernel.symbols, kOrder);
        ASSERT_TRUE(made) << made.error().message;
        elision = *std::move(made);
    }
    void put_call(std::uint64_t offset, const char* function) {
        const std::uint64_t behind = kernel.at("acpi_device_hotplug", offset) + 5;
        const auto distance = static_cast<std::uint32_t>(kernel.at(function) - behind);
        std::string code = "\xe8";
        for (unsigned i = 0; i < 4; i++) code += static_cast<char>(distance >> (8 * i));
        ASSERT_TRUE(kernel.probe.write_memory(0, behind - 5, code));
    }
    // `task` comes to the call at that offset; returns where it goes on, from the function's begin.
    std::uint64_t comes_to(std::uint64_t task, std::uint64_t offset, std::uint64_t lock) {
        kernel.probe.will_stop(1, kernel.at("acpi_device_hotplug", offset),
                               {{"rsp", FakeKernel::sp(task)}, {"rdi", lock}});
        kernel.run();
        EXPECT_TRUE(kernel.conductor.pause());
        return kernel.probe.registers(1)->pc() - kernel.at("acpi_device_hotplug");
    }

    FakeKernel kernel{{"lock_device_hotplug", "unlock_device_hotplug", "acpi_device_hotplug", "mutex_lock",
                       "mutex_lock_nested", "mutex_unlock"},
                      {"device_hotplug_lock", "acpi_scan_lock"}};
    std::unique_ptr<Elision> elision;
};

TEST_F(InlinedLock, TheCallerGoesRoundItsCall) {
    const std::uint64_t lock = kernel.at("device_hotplug_lock");
    EXPECT_EQ(comes_to(kAdder, 0x20, lock), 0x25u);
    EXPECT_EQ(comes_to(kAdder, 0x30, lock), 0x35u);
    EXPECT_EQ(elision->counts().locks, 1u);
    EXPECT_EQ(elision->counts().unlocks, 1u);
}

TEST_F(InlinedLock, AnotherLockAndAnotherTasksUnlockAreLeftAlone) {
    EXPECT_NE(comes_to(kAdder, 0x20, kernel.at("acpi_scan_lock")), 0x25u);
    EXPECT_NE(comes_to(kAdder, 0x30, kernel.at("device_hotplug_lock")), 0x35u);
    EXPECT_EQ(elision->counts().locks, 0u);
    EXPECT_EQ(elision->counts().unlocks, 0u);
}

TEST_F(ElisionTest, AFunctionThatTheKernelLacksIsNamed) {
    for (const auto& [order, missing] :
         {std::pair<ElisionSpec, std::string>{{"no_lock", "unlock_device_hotplug", {"acpi_device_hotplug"}, 0},
                                              "no_lock"},
          {{"lock_device_hotplug", "no_unlock", {"acpi_device_hotplug"}, 0}, "no_unlock"},
          {{"lock_device_hotplug", "unlock_device_hotplug", {"no_caller"}, 0}, "no_caller"}}) {
        const auto made = Elision::make(kernel.conductor, kernel.symbols, order);
        ASSERT_FALSE(made) << missing;
        EXPECT_EQ(made.error().fault, Fault::guest);
        EXPECT_NE(made.error().message.find(missing), std::string::npos);
    }
}

TEST_F(ElisionTest, AFunctionThatIsNoLockIsLeftOutAndNothingElse) {
    make({"lock_device_hotplug", "", {"acpi_device_hotplug"}, 0});
    kernel.will_call(1, kAdder, "lock_device_hotplug", "acpi_device_hotplug");
    kernel.will_call(1, kAdder, "unlock_device_hotplug", "acpi_device_hotplug");
    kernel.run();
    expect_counts(1, 0, 0);
}

TEST(EntriesOf, EveryAddressOfTheName) {
    FakeProbe probe(*find_architecture("x86_64"), 1);
    const SymbolTable symbols({{0x1000, 't', "state_store"}, {0x2000, 't', "state_store"}, {0x3000, 't', "other"}});
    EXPECT_EQ(entries_of(probe, symbols, "state_store"), (std::vector<std::uint64_t>{0x1000, 0x2000}));
    const auto none = entries_of(probe, symbols, "nowhere");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::guest);
}

TEST(EntriesOf, TheLocalEntryOnPpc64le) {
    FakeProbe probe(*find_architecture("ppc64le"), 1);
    const SymbolTable symbols({{0x1000, 't', "with_toc"}, {0x2000, 't', "without"}});
    ASSERT_TRUE(probe.write_memory(0, 0x1000, {"\x12\x01\x4c\x3c", 4}));  // addis r2,r12,...
    EXPECT_EQ(entries_of(probe, symbols, "with_toc"), (std::vector<std::uint64_t>{0x1008}));
    EXPECT_EQ(entries_of(probe, symbols, "without"), (std::vector<std::uint64_t>{0x2000}));
}

}  // namespace
}  // namespace memrig
