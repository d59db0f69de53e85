// Failures and the recorder over a FakeProbe: one call of one path by one task, and no other.
#include "watch/failure.h"

#include "kernel_fixture.h"
#include "watch/call_recorder.h"

namespace memrig {
namespace {

const FailureSpec kFailing{"adder", "kmem_cache_alloc", {"create_node", "add_memory"}, 1, 0};

class FailureTest : public ::testing::Test {
protected:
    FailureTest() {
        put_call("add_memory", "create_node");
        put_call("device_add", "create_node");
        put_call("acpi_device_hotplug", "add_memory");
        put_call("acpi_device_hotplug", "device_add", 0x61);
    }
    // A direct call of `callee` that returns to `caller` + `offset`.
    void put_call(const std::string& caller, const std::string& callee, std::uint64_t offset = 0x41) {
        const std::uint64_t back = kernel.at(caller, offset);
        const auto distance = static_cast<std::uint32_t>(kernel.at(callee) - back);
        std::string code = "\xe8";
        for (unsigned i = 0; i < 4; i++) code += static_cast<char>(distance >> (8 * i));
        ASSERT_TRUE(kernel.probe.write_memory(0, back - code.size(), code));
    }
    // The task enters `by` and create_node() on its way.
    void will_enter(unsigned vcpu, std::uint64_t task, const std::string& by) {
        kernel.probe.poke_u64(FakeKernel::sp(task) + 32, kernel.at("acpi_device_hotplug", 0x41));
        kernel.probe.will_stop(vcpu, kernel.at(by), {{"rsp", FakeKernel::sp(task) + 32}});
        kernel.run();
        kernel.probe.poke_u64(FakeKernel::sp(task) + 24, kernel.at(by, 0x41));
        kernel.probe.will_stop(vcpu, kernel.at("create_node"), {{"rsp", FakeKernel::sp(task) + 24}});
        kernel.run();
    }
    // The task allocates in create_node(), called by `by`, called by acpi_device_hotplug().
    void will_allocate(unsigned vcpu, std::uint64_t task, const std::string& by, std::uint64_t offset = 0x41) {
        const std::uint64_t sp = FakeKernel::sp(task);
        kernel.probe.poke_u64(sp + 8, 0x1234);
        kernel.probe.poke_u64(sp + 16, kernel.at("stale", 0x41));
        kernel.probe.poke_u64(sp + 24, kernel.at(by, 0x41));
        kernel.probe.poke_u64(sp + 32, kernel.at("acpi_device_hotplug", offset));
        kernel.will_call(vcpu, task, "kmem_cache_alloc", "create_node");
    }
    std::uint64_t pc(unsigned vcpu) {
        EXPECT_TRUE(kernel.conductor.pause());
        return kernel.probe.registers(vcpu)->pc();
    }
    std::unique_ptr<Failure> made(const FailureSpec& order = kFailing) {
        auto failure = Failure::make(kernel.conductor, kernel.symbols, order);
        EXPECT_TRUE(failure) << failure.error().message;
        return failure ? *std::move(failure) : nullptr;
    }

    FakeKernel kernel{{"kmem_cache_alloc", "create_node", "add_memory", "device_add", "acpi_device_hotplug", "stale"}};
};

TEST_F(FailureTest, TheCallReturnsAtOnceWithItsValue) {
    FailureSpec order = kFailing;
    order.value = static_cast<std::uint64_t>(-12);
    const auto failure = made(order);
    ASSERT_TRUE(failure->begin(kAdder, "acpi_device_hotplug"));
    will_enter(1, kAdder, "add_memory");
    will_allocate(1, kAdder, "add_memory");
    kernel.run();
    EXPECT_EQ(pc(1), kernel.at("create_node", 0x41));
    EXPECT_EQ(kernel.probe.registers(1)->return_value(), static_cast<std::uint64_t>(-12));
    EXPECT_TRUE(failure->came_to_pass());
}

TEST_F(FailureTest, OnlyTheCallOfThatNumberFails) {
    FailureSpec order = kFailing;
    order.nth = 2;
    const auto failure = made(order);
    ASSERT_TRUE(failure->begin(kAdder, "acpi_device_hotplug"));
    will_enter(1, kAdder, "add_memory");
    will_allocate(1, kAdder, "add_memory");
    kernel.run();
    EXPECT_FALSE(failure->came_to_pass());
    will_allocate(1, kAdder, "add_memory");
    kernel.run();
    EXPECT_TRUE(failure->came_to_pass());
    EXPECT_EQ(failure->calls(), 2u);
    will_allocate(1, kAdder, "add_memory");
    kernel.run();
    EXPECT_EQ(failure->calls(), 2u);
}

TEST_F(FailureTest, ACallThatAnotherFailureTookCountsAllTheSame) {
    FailureSpec order = kFailing;
    order.nth = 2;
    const auto first = made();
    const auto second = made(order);
    for (Failure* one : {first.get(), second.get()}) ASSERT_TRUE(one->begin(kAdder, "acpi_device_hotplug"));
    will_enter(1, kAdder, "add_memory");
    for (int i = 0; i < 2; i++) {
        will_allocate(1, kAdder, "add_memory");
        kernel.run();
    }
    EXPECT_TRUE(first->came_to_pass());
    EXPECT_TRUE(second->came_to_pass());
}

TEST_F(FailureTest, AnotherTaskAndAnotherPathAreLeftAlone) {
    const auto failure = made();
    ASSERT_TRUE(failure->begin(kAdder, "acpi_device_hotplug"));
    will_enter(1, kAdder, "add_memory");
    will_allocate(2, kOnliner, "add_memory");
    kernel.run();
    will_allocate(1, kAdder, "device_add", 0x61);
    kernel.run();
    EXPECT_EQ(failure->calls(), 0u);
    EXPECT_FALSE(failure->came_to_pass());
}

TEST_F(FailureTest, NothingIsWatchedWhileTheActorIsNotAtWork) {
    const auto failure = made();
    EXPECT_TRUE(kernel.probe.breakpoints.empty());
    ASSERT_TRUE(failure->begin(kAdder, "acpi_device_hotplug"));
    EXPECT_EQ(kernel.probe.breakpoints, std::set{kernel.at("add_memory")});
    will_enter(2, kOnliner, "add_memory");
    EXPECT_EQ(kernel.probe.breakpoints, std::set{kernel.at("add_memory")});
    will_enter(1, kAdder, "add_memory");
    EXPECT_TRUE(kernel.probe.breakpoints.contains(kernel.at("kmem_cache_alloc")));
    kernel.will_return(1, kAdder, "add_memory", 0, static_cast<std::uint64_t>(-24));
    kernel.will_return(1, kAdder, "acpi_device_hotplug", 0, static_cast<std::uint64_t>(-32));
    kernel.run();
    EXPECT_TRUE(kernel.probe.breakpoints.contains(kernel.at("add_memory")));
    EXPECT_FALSE(kernel.probe.breakpoints.contains(kernel.at("kmem_cache_alloc")));
    ASSERT_TRUE(failure->end());
    EXPECT_FALSE(kernel.probe.breakpoints.contains(kernel.at("add_memory")));
}

TEST_F(FailureTest, AKernelWithoutTheFunctionIsRefused) {
    FailureSpec order = kFailing;
    order.function = "no_such_allocator";
    EXPECT_FALSE(Failure::make(kernel.conductor, kernel.symbols, order));
}

TEST_F(FailureTest, TheRecorderCountsCallsByTheirPathsAndLeavesStaleWordsOut) {
    auto recorder = CallRecorder::make(kernel.conductor, kernel.symbols, {"kmem_cache_alloc", "no_such"});
    ASSERT_TRUE(recorder);
    ASSERT_TRUE((*recorder)->begin("adder", kAdder, "acpi_device_hotplug"));
    for (int i = 0; i < 2; i++) {
        will_allocate(1, kAdder, "add_memory");
        kernel.run();
    }
    will_allocate(1, kAdder, "device_add", 0x61);
    kernel.run();
    will_allocate(2, kOnliner, "add_memory");
    kernel.run();
    const auto& calls = (*recorder)->calls();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].path, (std::vector<std::string>{"create_node", "add_memory", "acpi_device_hotplug"}));
    EXPECT_TRUE(calls[0].is_whole);
    EXPECT_EQ(calls[0].count, 2u);
    EXPECT_EQ(calls[1].path[1], "device_add");
    ASSERT_TRUE((*recorder)->end(kAdder));
    EXPECT_TRUE(kernel.probe.breakpoints.empty());
}

TEST_F(FailureTest, APathThatDoesNotReachTheEntryKeepsItsFirstCallerOnly) {
    auto recorder = CallRecorder::make(kernel.conductor, kernel.symbols, {"kmem_cache_alloc"});
    ASSERT_TRUE(recorder);
    ASSERT_TRUE((*recorder)->begin("onliner", kOnliner, "state_store"));
    will_allocate(1, kOnliner, "add_memory");
    kernel.run();
    const auto& calls = (*recorder)->calls();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_FALSE(calls[0].is_whole);
    EXPECT_EQ(calls[0].path, std::vector<std::string>{"create_node"});
}

}  // namespace
}  // namespace memrig
