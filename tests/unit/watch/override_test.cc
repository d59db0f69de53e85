// Overrides over a FakeProbe: one argument, one value, nothing else.
#include "watch/override.h"
#include "kernel_fixture.h"

namespace memrig {
namespace {

class OverrideTest : public ::testing::Test {
protected:
    void make(const OverrideSpec& order) {
        auto result = Override::make(kernel.conductor, kernel.symbols, order);
        ASSERT_TRUE(result) << result.error().message;
        made = *std::move(result);
    }
    // Its second argument after a call with `value`.
    std::uint64_t second_after(std::uint64_t value) {
        kernel.probe.will_stop(1, kernel.at("online_pages"),
                               {{"rsp", FakeKernel::sp(kAdder)}, {"rdi", 0xffffffff}, {"rsi", value}});
        kernel.run();
        EXPECT_TRUE(kernel.conductor.pause());
        EXPECT_EQ(kernel.probe.registers(1)->argument(0), 0xffffffffu) << "another argument was changed";
        return kernel.probe.registers(1)->argument(1);
    }
    FakeKernel kernel{{"online_pages", "somebody"}};
    std::unique_ptr<Override> made;
};

TEST_F(OverrideTest, TheValueIsChangedOnTheWayIn) {
    make({"online_pages", 1, 5, 7});
    EXPECT_EQ(second_after(5), 7u);
    EXPECT_EQ(made->count(), 1u);
    EXPECT_EQ(kernel.probe.registers(1)->pc(), kernel.at("online_pages") + kernel.probe.step_bytes) << "it goes on";
}

TEST_F(OverrideTest, OtherValuesAreLeftAlone) {
    make({"online_pages", 1, 5, 7});
    EXPECT_EQ(second_after(6), 6u);
    EXPECT_EQ(made->count(), 0u);
}

TEST_F(OverrideTest, AnIntIsItsLow32Bits) {
    make({"online_pages", 1, -1, -2});
    EXPECT_EQ(second_after(0x12345678ffffffff), 0xfffffffffffffffeu);
    EXPECT_EQ(second_after(0xffffffff00000000), 0xffffffff00000000u);
    EXPECT_EQ(made->count(), 1u);
}

TEST_F(OverrideTest, WithoutAValueToLookForEachIsChanged) {
    make({"online_pages", 1, std::nullopt, 0});
    EXPECT_EQ(second_after(0xffff888100000000), 0u) << "a whole pointer";
    EXPECT_EQ(made->count(), 1u);
}

TEST_F(OverrideTest, OnlyTheNamedCallersAreChanged) {
    make({"online_pages", 0, std::nullopt, 5, {"somebody"}});
    kernel.will_call(1, kAdder, "online_pages", "somebody", 1);
    kernel.run();
    ASSERT_TRUE(kernel.conductor.pause());
    EXPECT_EQ(kernel.probe.registers(1)->argument(0), 5u);
    kernel.will_call(1, kAdder, "online_pages", "online_pages", 1);
    kernel.run();
    ASSERT_TRUE(kernel.conductor.pause());
    EXPECT_EQ(kernel.probe.registers(1)->argument(0), 1u);
    EXPECT_EQ(made->count(), 1u);
}

TEST_F(OverrideTest, AFunctionThatTheKernelLacksIsNamed) {
    const auto result = Override::make(kernel.conductor, kernel.symbols, {"offline_pages", 0, 0, 1});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, Fault::guest);
    EXPECT_NE(result.error().message.find("offline_pages"), std::string::npos);
}

}  // namespace
}  // namespace memrig
