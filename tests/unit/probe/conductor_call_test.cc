// Calls that the conductor makes for a task: where they go, what they bring back, who is asked before and after.
#include "conductor_fixture.h"

namespace memrig {
namespace {

constexpr std::uint64_t kArgument = 2;
// The lowest bits tell the registers apart, the others tell them from what a callee leaves.
constexpr std::uint64_t kBefore = 0xbe40000000000000, kAfter = 0xaf7e400000000000;

// Each test is played on each architecture.
struct Machine {
    const char* name;
    std::uint64_t function, elsewhere, callee, caller, stack, other_stack;
};
constexpr std::uint64_t kPpcText = 0xc000000000100000, kPpcStack = 0xc000000003fffc00;
constexpr std::uint64_t kArmText = 0xffff800008100000, kArmStack = 0xffff80000c003e00;
constexpr Machine kMachines[] = {
    {"x86_64", kFunction, kElsewhere, 0xffffffff81000400, kCaller, kStack, kOtherStack},
    {"ppc64le", kPpcText, kPpcText + 0x300, kPpcText + 0x400, kPpcText + 0x200, kPpcStack, kPpcStack + 0x8000},
    {"aarch64", kArmText, kArmText + 0x300, kArmText + 0x400, kArmText + 0x200, kArmStack, kArmStack + 0x8000},
};

using Values = std::map<std::string, std::uint64_t>;

class ConductorCallTest : public ::testing::TestWithParam<Machine> {
protected:
    [[nodiscard]] bool pushes() const { return arch.link.empty(); }
    // The values of a task's registers, all different.
    [[nodiscard]] Values scratch(std::uint64_t from) const {
        Values values;
        for (const auto name : arch.scratch) values[std::string(name)] = from + values.size();
        return values;
    }
    void comes(unsigned vcpu, std::uint64_t address, std::uint64_t sp, Values registers) {
        registers[std::string(arch.sp)] = sp;
        probe.will_stop(vcpu, address, std::move(registers));
    }
    void enters(unsigned vcpu, std::uint64_t sp, std::uint64_t address) {
        Values registers = scratch(kBefore);
        if (pushes()) probe.poke_u64(sp, at.caller);
        else registers[std::string(arch.link)] = at.caller;
        comes(vcpu, address, sp, std::move(registers));
    }
    void enters(unsigned vcpu, std::uint64_t sp) { enters(vcpu, sp, at.function); }
    // The callee has changed all that it may.
    void comes_back(unsigned vcpu, std::uint64_t sp) { comes(vcpu, at.function, sp, scratch(kAfter)); }

    // Sends each arrival on a call, until it has come back `times`.
    void send(unsigned times = 1) {
        ASSERT_TRUE(conductor.watch(
            at.function,
            [this, times](const Arrival& arrival) -> Result<Response> {
                asked_first.push_back(arrival);
                if (arrival.again) back++;
                return back < times ? Response::call(at.callee, kArgument) : Response::pass();
            },
            Priority::park));
    }
    void watch(const std::string& who, std::uint64_t address) {
        ASSERT_TRUE(conductor.watch(address, [this, who](const Arrival& arrival) -> Result<Response> {
            asked.push_back(who);
            arrivals.push_back(arrival);
            return Response::pass();
        }));
    }
    void run() {
        const auto end = conductor.run_until([] { return false; }, at_once());
        ASSERT_TRUE(end) << end.error().message;
        ASSERT_TRUE(conductor.pause());
    }
    std::uint64_t reg(unsigned vcpu, std::string_view name) { return probe.registers(vcpu)->get(name); }

    Machine at = GetParam();
    const Architecture& arch = *find_architecture(at.name);
    FakeProbe probe{arch, 3};
    Conductor conductor{probe, probe.architecture().kernel_stack_bytes};
    unsigned back = 0;
    std::vector<Arrival> asked_first, arrivals;
    std::vector<std::string> asked;
};

TEST_P(ConductorCallTest, GoesToTheFunctionAndIsToReturnHere) {
    send();
    enters(1, at.stack);
    run();
    EXPECT_EQ(reg(1, arch.pc), at.callee);
    EXPECT_EQ(reg(1, arch.arguments[0]), kArgument);
    if (pushes()) {
        EXPECT_EQ(reg(1, arch.sp), at.stack - 8);
        EXPECT_EQ(*probe.read_u64(1, at.stack - 8), at.function);
        EXPECT_EQ(*probe.read_u64(1, at.stack), at.caller) << "its own return address";
    } else {
        EXPECT_EQ(reg(1, arch.sp), at.stack);
        EXPECT_EQ(reg(1, arch.link), at.function);
    }
    EXPECT_TRUE(probe.stepped.empty()) << "it does not stand on the breakpoint any more";
    EXPECT_TRUE(conductor.held().empty());
}

TEST_P(ConductorCallTest, ComesBackWithTheRegistersThatItHad) {
    send();
    enters(1, at.stack);
    comes_back(1, at.stack);
    run();
    for (const auto& [name, value] : scratch(kBefore))
        EXPECT_EQ(reg(1, name), !pushes() && name == arch.link ? at.caller : value) << name;
    EXPECT_EQ(reg(1, arch.sp), at.stack);
    EXPECT_EQ(probe.stepped, std::vector<unsigned>{1}) << "then it goes on, behind the breakpoint";
}

TEST_P(ConductorCallTest, TheHandlersSeeThatItIsBackAndWhatItHad) {
    send();
    watch("ledger", at.function);
    enters(1, at.stack);
    comes_back(1, at.stack);
    run();
    ASSERT_EQ(asked_first.size(), 2u);
    EXPECT_FALSE(asked_first[0].again);
    EXPECT_TRUE(asked_first[1].again);
    ASSERT_EQ(arrivals.size(), 1u);
    EXPECT_TRUE(arrivals[0].again);
    EXPECT_EQ(arrivals[0].registers.argument(1), asked_first[0].registers.argument(1));
    EXPECT_EQ(*conductor.return_address(arrivals[0]), at.caller);
    EXPECT_EQ(conductor.stops(), 2u);
}

TEST_P(ConductorCallTest, IsAskedBeforeOthersWhoeverWatchedFirst) {
    watch("early", at.function);
    for (const auto& [who, priority] : {std::pair{"elides", Priority::elide},
                                        {"judges", Priority::rule},
                                        {"parks", Priority::park},
                                        {"parks, too", Priority::park}})
        ASSERT_TRUE(conductor.watch(
            at.function,
            [this, who](const Arrival&) -> Result<Response> {
                asked.emplace_back(who);
                return Response::pass();
            },
            priority));
    watch("late", at.function);
    enters(1, at.stack);
    run();
    EXPECT_EQ(asked, (std::vector<std::string>{"parks", "parks, too", "judges", "elides", "early", "late"}));
}

TEST_P(ConductorCallTest, OthersAreAskedOnceWhenTheCallsAreOver) {
    watch("early", at.function);
    send(3);
    watch("late", at.function);
    enters(1, at.stack);
    comes_back(1, at.stack);
    comes_back(1, at.stack);
    run();
    EXPECT_TRUE(asked.empty()) << "what they watch has not come to pass yet";
    comes_back(1, at.stack);
    run();
    EXPECT_EQ(asked, (std::vector<std::string>{"early", "late"}));
    EXPECT_EQ(asked_first.size(), 4u);
    EXPECT_EQ(reg(1, arch.arguments[1]), scratch(kBefore).at(std::string(arch.arguments[1])))
        << "each call brings back what the first found";
}

TEST_P(ConductorCallTest, AnotherTaskThatPassesMeanwhileIsNotTheOneThatComesBack) {
    ASSERT_TRUE(conductor.watch(
        at.function,
        [this](const Arrival& arrival) -> Result<Response> {
            asked_first.push_back(arrival);
            const bool sent = arrival.registers.sp() == at.stack && !arrival.again;
            return sent ? Response::call(at.callee, kArgument) : Response::pass();
        },
        Priority::park));
    enters(1, at.stack);
    comes(2, at.function, at.other_stack, scratch(kAfter));
    comes_back(1, at.stack);
    run();
    ASSERT_EQ(asked_first.size(), 3u);
    EXPECT_FALSE(asked_first[1].again);
    EXPECT_EQ(reg(2, arch.arguments[1]), scratch(kAfter).at(std::string(arch.arguments[1]))) << "it keeps its own";
    EXPECT_TRUE(asked_first[2].again);
}

TEST_P(ConductorCallTest, TheSameTaskDeeperInItsStackIsNotBack) {
    send(2);
    enters(1, at.stack);
    run();
    ASSERT_TRUE(conductor.watch(at.elsewhere, [this](const Arrival& arrival) -> Result<Response> {
        arrivals.push_back(arrival);
        return Response::pass();
    }));
    enters(1, at.stack - 0x100, at.elsewhere);  // the callee comes to another watched function
    comes_back(1, at.stack);
    run();
    ASSERT_EQ(arrivals.size(), 1u);
    EXPECT_FALSE(arrivals[0].again);
    ASSERT_EQ(asked_first.size(), 2u);
    EXPECT_TRUE(asked_first[1].again);
}

TEST_P(ConductorCallTest, AWatchedFunctionThatTheCalleeEntersAgainIsNoReturn) {
    ASSERT_TRUE(conductor.watch(
        at.function,
        [this](const Arrival& arrival) -> Result<Response> {
            asked_first.push_back(arrival);
            return asked_first.size() == 1 ? Response::call(at.callee, kArgument) : Response::pass();
        },
        Priority::park));
    enters(1, at.stack);
    enters(1, at.stack - 0x100);
    comes_back(1, at.stack);
    run();
    ASSERT_EQ(asked_first.size(), 3u);
    EXPECT_FALSE(asked_first[1].again);
    EXPECT_TRUE(asked_first[2].again);
}

TEST_P(ConductorCallTest, ItMayComeBackOnAnotherVcpu) {
    send();
    watch("ledger", at.function);
    enters(1, at.stack);
    comes_back(2, at.stack);
    run();
    ASSERT_EQ(asked_first.size(), 2u);
    EXPECT_EQ(asked_first[1].vcpu, 2u);
    EXPECT_TRUE(asked_first[1].again);
    const std::string second(arch.arguments[1]);
    EXPECT_EQ(reg(2, second), scratch(kBefore).at(second));
    EXPECT_EQ(probe.stepped, std::vector<unsigned>{2});
    EXPECT_EQ(asked.size(), 1u);
}

TEST_P(ConductorCallTest, TwoTasksCanBeOnTheirWayAtOnce) {
    send(2);
    enters(1, at.stack);
    enters(2, at.other_stack);
    comes_back(2, at.stack);  // they have changed places
    comes_back(1, at.other_stack);
    run();
    ASSERT_EQ(asked_first.size(), 4u);
    EXPECT_TRUE(asked_first[2].again);
    EXPECT_TRUE(asked_first[3].again);
    EXPECT_EQ(asked_first[2].task, asked_first[0].task);
}

TEST_P(ConductorCallTest, AReturnThatIsWatchedIsTheFunctionsOwn) {
    send();
    std::vector<std::uint64_t> values;
    ASSERT_TRUE(conductor.watch(at.function, [&](const Arrival& arrival) -> Result<Response> {
        MEMRIG_CHECK(conductor.on_return(arrival, [&](const Arrival&, std::uint64_t value) -> Status {
            values.push_back(value);
            return {};
        }));
        return Response::pass();
    }));
    enters(1, at.stack);
    comes_back(1, at.stack);
    comes(1, at.caller, at.stack + (pushes() ? 8 : 0), {{std::string(arch.return_value), 5}});
    run();
    EXPECT_EQ(values, std::vector<std::uint64_t>{5});
}

INSTANTIATE_TEST_SUITE_P(Architectures, ConductorCallTest, ::testing::ValuesIn(kMachines),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace memrig
