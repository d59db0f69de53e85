// Insertions over a FakeProbe: the calls come in their order, and then the function itself, as it was called.
#include "watch/insertion.h"

#include "kernel_fixture.h"

namespace memrig {
namespace {

class InsertionTest : public ::testing::Test {
protected:
    void make(const InsertionSpec& spec) {
        auto result = Insertion::make(kernel.conductor, kernel.symbols, spec);
        ASSERT_TRUE(result) << result.error().message;
        made = *std::move(result);
        ASSERT_TRUE(kernel.conductor.watch(kernel.at("__remove_memory"), [this](const Arrival& arrival) {
            arguments.push_back(arrival.registers.argument(0));
            return Result<Response>(Response::pass());
        }));
    }
    // The call that the task was sent to returns.
    void will_come_back() {
        kernel.probe.will_stop(1, kernel.at("__remove_memory"), {{"rsp", FakeKernel::sp(kAdder)}, {"rdi", 0xdead}});
    }
    std::string place() {
        kernel.run();
        EXPECT_TRUE(kernel.conductor.pause());
        return std::string(kernel.symbols.function(kernel.probe.registers(1)->pc()));
    }

    FakeKernel kernel{{"unlock_device_hotplug", "lock_device_hotplug", "__remove_memory", "somebody"}};
    std::unique_ptr<Insertion> made;
    std::vector<std::uint64_t> arguments;  // of __remove_memory(), as the handlers behind the insertion see it
};

TEST_F(InsertionTest, TheCallsComeInTheirOrderBeforeTheFunction) {
    make({"__remove_memory", {"unlock_device_hotplug", "lock_device_hotplug"}});
    kernel.will_call(1, kAdder, "__remove_memory", "somebody", 0x100000000);
    EXPECT_EQ(place(), "unlock_device_hotplug");
    will_come_back();
    EXPECT_EQ(place(), "lock_device_hotplug");
    EXPECT_TRUE(arguments.empty());
    EXPECT_EQ(made->count(), 0u);
    will_come_back();
    EXPECT_EQ(place(), "__remove_memory");
    EXPECT_EQ(arguments, std::vector<std::uint64_t>{0x100000000}) << "it has the arguments that it was called with";
    EXPECT_EQ(made->count(), 1u);
}

TEST_F(InsertionTest, EachCallOfTheFunctionHasItsOwn) {
    make({"__remove_memory", {"unlock_device_hotplug"}});
    for (unsigned calls = 1; calls <= 2; calls++) {
        kernel.will_call(1, kAdder, "__remove_memory", "somebody", 7);
        EXPECT_EQ(place(), "unlock_device_hotplug");
        will_come_back();
        EXPECT_EQ(place(), "__remove_memory");
        EXPECT_EQ(made->count(), calls);
    }
}

TEST_F(InsertionTest, CallsOfOthersThanTheNamedCallersHaveNone) {
    make({"__remove_memory", {"unlock_device_hotplug"}, {"lock_device_hotplug"}});
    kernel.will_call(1, kAdder, "__remove_memory", "somebody", 7);
    EXPECT_EQ(place(), "__remove_memory");
    EXPECT_EQ(made->count(), 0u);
    kernel.will_call(1, kAdder, "__remove_memory", "lock_device_hotplug", 7);
    EXPECT_EQ(place(), "unlock_device_hotplug");
}

TEST_F(InsertionTest, AFunctionThatTheKernelLacksIsNamed) {
    for (const InsertionSpec& spec : {InsertionSpec{"__remove_memory", {"no_such_function"}},
                                      InsertionSpec{"no_such_function", {"lock_device_hotplug"}}}) {
        const auto result = Insertion::make(kernel.conductor, kernel.symbols, spec);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().fault, Fault::guest);
        EXPECT_NE(result.error().message.find("no_such_function"), std::string::npos);
    }
}

}  // namespace
}  // namespace memrig
