// The conductor over a FakeProbe: several watches, returns, and when a run ends.
#include "conductor_fixture.h"

namespace memrig {
namespace {

// --- the end of all watches

TEST_F(ConductorTest, TheEndOfAllWatchesIsToldWhileTheyAreThere) {
    watch(kFunction);
    unsigned told = 0;
    {
        const Subscription listening = conductor.on_unwatch_all([&]() -> Status {
            told++;
            EXPECT_TRUE(probe.breakpoints.contains(kFunction));
            return {};
        });
        ASSERT_TRUE(conductor.unwatch_all());
    }
    EXPECT_EQ(told, 1u);
    EXPECT_FALSE(probe.breakpoints.contains(kFunction));
    ASSERT_TRUE(conductor.unwatch_all());
    EXPECT_EQ(told, 1u);
}

// --- several watches on one address

TEST_F(ConductorTest, EveryWatchOfAnAddressIsAsked) {
    watch(kFunction);
    watch(kFunction);
    will_call(1);
    run();
    EXPECT_EQ(arrivals.size(), 2u);
    EXPECT_EQ(conductor.stops(), 1u);
}

TEST_F(ConductorTest, HoldWinsOverPass) {
    watch(kFunction, Response::hold());
    watch(kFunction, Response::pass());
    will_call(1);
    run_to(2);
    EXPECT_EQ(conductor.held(), Vcpus{1});
}

TEST_F(ConductorTest, LeaveWinsOverHoldInEitherOrder) {
    for (const bool leave_first : {true, false}) {
        FakeProbe own(*find_architecture("x86_64"), 2);
        Conductor director(own, own.architecture().kernel_stack_bytes);
        for (const bool leave : {leave_first, !leave_first}) {
            ASSERT_TRUE(director.watch(kFunction, [leave](const Arrival&) -> Result<Response> {
                return leave ? Response::leave(3) : Response::hold();
            }));
        }
        own.poke_u64(kStack, kCaller);
        own.will_stop(1, kFunction, {{"rsp", kStack}});
        ASSERT_TRUE(director.run_until([] { return false; }, at_once()));
        EXPECT_TRUE(director.held().empty());
        ASSERT_TRUE(director.pause());
        EXPECT_EQ(own.registers(1)->pc(), kCaller);
    }
}

TEST_F(ConductorTest, TheBreakpointGoesWithItsLastWatch) {
    const auto first = watch(kFunction);
    const auto second = watch(kFunction);
    EXPECT_TRUE(probe.breakpoints.contains(kFunction));
    ASSERT_TRUE(conductor.unwatch(first));
    EXPECT_TRUE(probe.breakpoints.contains(kFunction));
    ASSERT_TRUE(conductor.unwatch(second));
    EXPECT_TRUE(probe.breakpoints.empty());
    EXPECT_TRUE(conductor.unwatch(second)) << "to take away what is gone is no error";
}

TEST_F(ConductorTest, AHandlerMayTakeItselfAway) {
    Conductor::WatchId id = 0;
    int calls = 0;
    id = *conductor.watch(kFunction, [&](const Arrival&) -> Result<Response> {
        calls++;
        MEMRIG_CHECK(conductor.unwatch(id));
        return Response::pass();
    });
    will_call(1);
    will_call(1);
    run();
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(probe.breakpoints.empty());
}

TEST_F(ConductorTest, AHandlerMayTakeALaterOneAway) {
    Conductor::WatchId later = 0;
    ASSERT_TRUE(conductor.watch(kFunction, [&](const Arrival&) -> Result<Response> {
        MEMRIG_CHECK(conductor.unwatch(later));
        return Response::pass();
    }));
    later = watch(kFunction);
    will_call(1);
    run();
    EXPECT_TRUE(arrivals.empty()) << "it was asked though it is gone";
}

TEST_F(ConductorTest, AHandlerMayWatchMore) {
    ASSERT_TRUE(conductor.watch(kFunction, [this](const Arrival&) -> Result<Response> {
        watch(kElsewhere);
        return Response::pass();
    }));
    will_call(1);
    probe.will_stop(1, kElsewhere);
    run_to(1);
    EXPECT_EQ(arrivals[0].address, kElsewhere);
}

TEST_F(ConductorTest, AHandlersErrorEndsTheRun) {
    ASSERT_TRUE(conductor.watch(
        kFunction, [](const Arrival&) -> Result<Response> { return fail(Fault::guest, "no such block"); }));
    will_call(1);
    const auto end = conductor.run_until([] { return false; }, at_once());
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().message, "no such block");
}

// --- returns

class ConductorReturnTest : public ConductorTest {
protected:
    void SetUp() override {
        ASSERT_TRUE(conductor.watch(kFunction, [this](const Arrival& arrival) -> Result<Response> {
            MEMRIG_CHECK(conductor.on_return(arrival, [this](const Arrival& back, std::uint64_t value) -> Status {
                returns.emplace_back(back.task, value);
                return {};
            }));
            return Response::pass();
        }));
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> returns;  // task, value
};

TEST_F(ConductorReturnTest, SeesTheValueOnce) {
    will_call(1);
    will_return(1, kStack + 8, 42);
    will_return(1, kStack + 8, 43);  // the same place again, but no call of ours
    run();
    ASSERT_EQ(returns.size(), 1u);
    EXPECT_EQ(returns[0].second, 42u);
}

// To insert and to remove a breakpoint are both dear: QEMU translates the guest's code anew.
TEST_F(ConductorReturnTest, TheBreakpointOfAReturnStaysForTheNextCall) {
    const std::set<std::uint64_t> both = {kFunction, kCaller};
    for (std::uint64_t call = 0; call < 3; call++) {
        will_call(1);
        will_return(1, kStack + 8, call);
        run();
        EXPECT_EQ(probe.breakpoints, both);
    }
    EXPECT_EQ(returns.size(), 3u);
    std::set<std::set<std::uint64_t>> inserted(probe.inserted_at_resume.begin(), probe.inserted_at_resume.end());
    EXPECT_EQ(inserted, (std::set<std::set<std::uint64_t>>{{kFunction}, both}));
}

TEST_F(ConductorReturnTest, ABreakpointThatStopsTheGuestForNobodyGoes) {
    will_call(1);
    will_return(1, kStack + 8, 42);
    for (int i = 0; i < 3; i++) will_return(2, kOtherStack + 8, 1);
    run();
    EXPECT_TRUE(probe.breakpoints.contains(kCaller));
    will_return(2, kOtherStack + 8, 1);
    run();
    EXPECT_FALSE(probe.breakpoints.contains(kCaller));
    EXPECT_EQ(conductor.stops_at().at(kCaller), 5u) << "a stop for nobody costs as much as any";
    EXPECT_EQ(returns.size(), 1u);
    will_call(1);
    will_return(1, kStack + 8, 43);
    run();
    EXPECT_EQ(returns.size(), 2u);
    ASSERT_TRUE(conductor.unwatch_all());
    EXPECT_TRUE(probe.breakpoints.empty());
}

TEST_F(ConductorReturnTest, IsKnownByItsStackPointer) {
    will_call(1, kStack);
    will_return(2, kOtherStack + 8, 1);     // another task comes by
    will_return(1, kStack + 8 - 0x100, 2);  // the same task in a deeper call
    will_return(1, kStack, 3);              // not yet popped
    will_return(1, kStack + 8, 4);
    run();
    ASSERT_EQ(returns.size(), 1u);
    EXPECT_EQ(returns[0].second, 4u);
}

TEST_F(ConductorReturnTest, TwoTasksInOneCallEachGetTheirs) {
    will_call(1, kStack);
    will_call(2, kOtherStack);
    will_return(2, kOtherStack + 8, 22);
    will_return(1, kStack + 8, 11);
    run();
    ASSERT_EQ(returns.size(), 2u);
    EXPECT_EQ(returns[0], (std::pair<std::uint64_t, std::uint64_t>(0xffffc90000010000, 22)));
    EXPECT_EQ(returns[1], (std::pair<std::uint64_t, std::uint64_t>(0xffffc90000004000, 11)));
}

TEST_F(ConductorReturnTest, ATaskMayReturnOnAnotherVcpu) {
    will_call(1, kStack);
    will_return(2, kStack + 8, 5);
    run();
    ASSERT_EQ(returns.size(), 1u);
}

// --- writes

TEST_F(ConductorTest, AWatchedWriteStopsForTheListenerAndNobodyElse) {
    std::vector<std::pair<unsigned, std::uint64_t>> stops;
    const auto listening = conductor.on_stop([&](const Arrival& stop) -> Status {
        stops.emplace_back(stop.vcpu, stop.address);
        return {};
    });
    watch(kFunction);
    constexpr std::uint64_t word = 0xffffffff82000000;
    ASSERT_TRUE(conductor.watch_writes(word));
    ASSERT_TRUE(conductor.watch_writes(word));
    probe.will_write(2, kElsewhere, word, 5, {{"rsp", kStack}});
    will_call(1);
    run();
    EXPECT_EQ(stops, (std::vector<std::pair<unsigned, std::uint64_t>>{{2, word}, {1, kFunction}}));
    EXPECT_EQ(arrivals.size(), 1u);
    EXPECT_EQ(conductor.stops(), 2u);
    EXPECT_EQ(conductor.stops_at(), (std::map<std::uint64_t, std::uint64_t>{{word, 1}, {kFunction, 1}}));
    EXPECT_EQ(reg(2, "rip"), kElsewhere) << "a write is behind it: there is nothing to be passed";
}

TEST_F(ConductorTest, EachListenerHearsOfAStopUntilItsSubscriptionEnds) {
    std::vector<std::string> heard;
    const auto add = [&](const char* name) {
        return conductor.on_stop([&heard, name](const Arrival&) -> Status {
            heard.emplace_back(name);
            return {};
        });
    };
    auto first = add("first");
    const auto second = add("second");
    watch(kFunction);
    will_call(1);
    run();
    EXPECT_EQ(heard, (std::vector<std::string>{"first", "second"}));
    first.end();
    will_call(1);
    run();
    EXPECT_EQ(heard, (std::vector<std::string>{"first", "second", "second"}));
}

TEST_F(ConductorTest, TheListenersErrorEndsTheRun) {
    const auto listening = conductor.on_stop([](const Arrival&) -> Status { return fail(Fault::rig, "no more"); });
    watch(kFunction);
    will_call(1);
    EXPECT_FALSE(conductor.run_until([] { return false; }, at_once()));
    EXPECT_TRUE(arrivals.empty());
}

TEST_F(ConductorTest, UnwatchingAllLeavesWhoIsHeldHeld) {
    watch(kFunction, Response::hold());
    ASSERT_TRUE(conductor.watch_writes(0xffffffff82000000));
    will_call(1);
    run_to(1);
    ASSERT_TRUE(conductor.unwatch_all());
    EXPECT_TRUE(probe.breakpoints.empty());
    EXPECT_TRUE(probe.watchpoints.empty());
    EXPECT_EQ(conductor.held(), Vcpus{1});
    EXPECT_FALSE(probe.running());
}

// --- running

TEST_F(ConductorTest, WhatIsDoneAlreadyDoesNotRun) {
    const auto end = conductor.run_until([] { return true; }, at_once());
    ASSERT_TRUE(end);
    EXPECT_EQ(*end, RunEnd::done);
    EXPECT_TRUE(probe.resumed.empty());
}

TEST_F(ConductorTest, WhatIsDoneAtTheDeadlineIsDone) {
    int asked = 0;
    const auto end = conductor.run_until([&] { return ++asked > 1; }, at_once());
    EXPECT_EQ(*end, RunEnd::done);
}

TEST_F(ConductorTest, AWakeAsksAgainWithoutAStop) {
    // FakeProbe gives no stop, as a probe does that was woken; the deadline is far.
    int asked = 0;
    const auto end = conductor.run_until([&] { return ++asked > 3; }, Deadline::after(std::chrono::hours(24)), 0);
    EXPECT_EQ(*end, RunEnd::done);
    EXPECT_TRUE(probe.running()) << "done without a stop leaves the guest running";
    EXPECT_EQ(probe.resumed.size(), 1u) << "a running guest is not resumed again";
}

TEST_F(ConductorTest, PausingAGuestThatStandsStillDoesNothing) {
    EXPECT_TRUE(conductor.pause());
    EXPECT_TRUE(probe.resumed.empty());
}

TEST_F(ConductorTest, AnArrivalThatAPauseCutsIntoIsHandled) {
    watch(kFunction, Response::hold());
    ASSERT_TRUE(conductor.resume());
    probe.will_be_cut(1, kFunction, {{"rsp", kStack}});
    ASSERT_TRUE(conductor.pause());
    ASSERT_EQ(arrivals.size(), 1u);
    EXPECT_EQ(arrivals[0].vcpu, 1u);
    EXPECT_EQ(conductor.held(), Vcpus{1});
    run();
    EXPECT_EQ(arrivals.size(), 1u) << "it stood on its breakpoint and hit it again";
    EXPECT_EQ(probe.resumed.back(), (Vcpus{0, 2}));
}

TEST_F(ConductorTest, WatchingARunningGuestStopsIt) {
    ASSERT_TRUE(conductor.resume());
    ASSERT_TRUE(probe.running());
    watch(kFunction);
    EXPECT_FALSE(probe.running());
}

TEST_F(ConductorTest, LettingGoFreesEverything) {
    watch(kFunction, Response::hold());
    watch(kElsewhere);
    will_call(1);
    run_to(1);
    ASSERT_TRUE(conductor.let_go());
    EXPECT_TRUE(probe.breakpoints.empty());
    EXPECT_TRUE(conductor.held().empty());
    EXPECT_TRUE(probe.running());
    EXPECT_EQ(probe.resumed.back(), (Vcpus{0, 1, 2}));
    EXPECT_TRUE(probe.stepped.empty()) << "there was no breakpoint left to pass";
}
}  // namespace
}  // namespace memrig
