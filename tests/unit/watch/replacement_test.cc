// Replacements over a FakeProbe: the other function is entered, with the same arguments, for the named callers alone.
#include "watch/replacement.h"

#include "kernel_fixture.h"

namespace memrig {
namespace {

class ReplacementTest : public ::testing::Test {
protected:
    void make(const ReplacementSpec& spec) {
        auto result = Replacement::make(kernel.conductor, kernel.symbols, spec);
        ASSERT_TRUE(result) << result.error().message;
        made = *std::move(result);
    }
    std::string place() {
        kernel.run();
        EXPECT_TRUE(kernel.conductor.pause());
        return std::string(kernel.symbols.function(kernel.probe.registers(1)->pc()));
    }

    FakeKernel kernel{{"device_online", "memory_subsys_online", "online_memory_block", "state_store"}};
    std::unique_ptr<Replacement> made;
};

TEST_F(ReplacementTest, TheOtherFunctionIsEnteredInsteadWithTheSameArguments) {
    make({"device_online", "memory_subsys_online", {"online_memory_block"}});
    kernel.will_call(1, kAdder, "device_online", "online_memory_block", 0xd00);
    EXPECT_EQ(place(), "memory_subsys_online");
    EXPECT_EQ(kernel.probe.registers(1)->argument(0), 0xd00u);
    EXPECT_EQ(kernel.probe.registers(1)->sp(), FakeKernel::sp(kAdder)) << "it returns to the caller";
    EXPECT_EQ(made->count(), 1u);
}

TEST_F(ReplacementTest, OtherCallersAreLeftAlone) {
    make({"device_online", "memory_subsys_online", {"online_memory_block"}});
    kernel.will_call(1, kAdder, "device_online", "state_store", 0xd00);
    EXPECT_EQ(place(), "device_online");
    EXPECT_EQ(made->count(), 0u);
}

TEST_F(ReplacementTest, AWatchedFunctionIsSeenToBeEntered) {
    make({"device_online", "memory_subsys_online", {"online_memory_block"}});
    unsigned seen = 0;
    ASSERT_TRUE(kernel.conductor.watch(kernel.at("memory_subsys_online"), [&](const Arrival&) {
        seen++;
        return Result<Response>(Response::pass());
    }));
    kernel.will_call(1, kAdder, "device_online", "online_memory_block");
    (void)place();
    EXPECT_EQ(seen, 1u);
}

TEST_F(ReplacementTest, WithAValueTheCallerSeesIt) {
    make({"device_online", "memory_subsys_online", {"online_memory_block"}, 7});
    kernel.will_call(1, kAdder, "device_online", "online_memory_block", 0xd00);
    EXPECT_EQ(place(), "memory_subsys_online");
    kernel.probe.will_stop(1, kernel.at("device_online"), {{"rsp", FakeKernel::sp(kAdder)}, {"rax", 99}});
    EXPECT_EQ(place(), "online_memory_block");
    EXPECT_EQ(kernel.probe.registers(1)->return_value(), 7u);
    EXPECT_EQ(made->count(), 1u);
}

TEST_F(ReplacementTest, AFunctionThatTheKernelLacksIsNamed) {
    for (const ReplacementSpec& spec : {ReplacementSpec{"no_such", "memory_subsys_online", {"state_store"}},
                                        ReplacementSpec{"device_online", "no_such", {"state_store"}},
                                        ReplacementSpec{"device_online", "memory_subsys_online", {"no_such"}}}) {
        const auto result = Replacement::make(kernel.conductor, kernel.symbols, spec);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().fault, Fault::guest);
        EXPECT_NE(result.error().message.find("no_such"), std::string::npos);
    }
}

}  // namespace
}  // namespace memrig
