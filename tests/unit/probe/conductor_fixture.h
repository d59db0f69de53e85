// The fixture of the conductor's tests: a FakeProbe, a function that is called from one place, two stacks.
#pragma once

#include <gtest/gtest.h>

#include "probe/conductor.h"
#include "probe/fake_probe.h"
#include "unit/support/deadlines.h"

namespace memrig {

using Vcpus = std::set<unsigned>;

inline constexpr std::uint64_t kFunction = 0xffffffff81000100;
inline constexpr std::uint64_t kCaller = 0xffffffff81000200;
inline constexpr std::uint64_t kElsewhere = 0xffffffff81000300;
inline constexpr std::uint64_t kStack = 0xffffc90000007e00;
inline constexpr std::uint64_t kOtherStack = 0xffffc90000013e00;

class ConductorTest : public ::testing::Test {
protected:
    // A call of kFunction from kCaller, on the stack at `sp`.
    void will_call(unsigned vcpu, std::uint64_t sp = kStack, std::uint64_t function = kFunction) {
        probe.poke_u64(sp, kCaller);
        probe.will_stop(vcpu, function, {{"rsp", sp}});
    }
    void will_return(unsigned vcpu, std::uint64_t sp, std::uint64_t value) {
        probe.will_stop(vcpu, kCaller, {{"rsp", sp}, {"rax", value}});
    }
    Conductor::WatchId watch(std::uint64_t address, Response response = Response::pass()) {
        const auto id = conductor.watch(address, [this, response](const Arrival& arrival) -> Result<Response> {
            arrivals.push_back(arrival);
            return response;
        });
        EXPECT_TRUE(id);
        return id.value_or(0);
    }
    // Until the script has come to its end.
    void run() {
        const auto end = conductor.run_until([] { return false; }, at_once());
        ASSERT_TRUE(end) << end.error().message;
        EXPECT_EQ(*end, RunEnd::expired);
    }
    // Until `count` have arrived.
    void run_to(std::size_t count) {
        const auto end = conductor.run_until([&] { return arrivals.size() >= count; }, at_once());
        ASSERT_TRUE(end) << end.error().message;
        ASSERT_EQ(*end, RunEnd::done);
    }
    std::uint64_t reg(unsigned vcpu, std::string_view name) {
        EXPECT_TRUE(conductor.pause());
        return probe.registers(vcpu)->get(name);
    }

    FakeProbe probe{*find_architecture("x86_64"), 3};
    Conductor conductor{probe, probe.architecture().kernel_stack_bytes};
    std::vector<Arrival> arrivals;
};

}  // namespace memrig
