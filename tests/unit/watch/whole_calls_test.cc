// Calls with their arguments and returns from made-up events of the observer.
#include "observed_locks_fixture.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The returns of whole calls, as "A 0x10" with the place that the call returned to.
class WholeCallsTest : public ObservedLocksTest {
protected:
    void call(std::uint64_t task, Function function, std::uint64_t returns_to) {
        called = function, called_from = returns_to, arguments = 3;
        enter(task, function);
    }
    void answer(std::uint64_t task, Function function, std::uint64_t at) {
        called = function, called_from = at, arguments = 0;
        add(task, function, OBSERVER_EVENT_ANSWER, 0x8002);
    }
    // "bus_notify" entered, "/bus_notify" left
    std::vector<std::string> passages() {
        std::vector<std::string> lines;
        for (const auto& act : locks.follow(std::exchange(events, {}), true))
            lines.push_back(fmt::format("{}{}{}", act.task == kObservedA ? "" : "B ", act.left ? "/" : "",
                                        functions.at(act.passed.value()).name));
        return lines;
    }
};

TEST_F(WholeCallsTest, EachReturnIsThatOfItsCall) {
    call(kObservedA, kOther, 0x10);
    call(kObservedB, kOther, 0x10);
    call(kObservedA, kInner, 0x20);
    answer(kObservedA, kInner, 0x20);
    answer(kObservedA, kOther, 0x10);
    answer(kObservedB, kOther, 0x10);
    EXPECT_THAT(passages(), ElementsAre("slab_callback", "B slab_callback", "bus_notify", "/bus_notify",
                                        "/slab_callback", "B /slab_callback"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(WholeCallsTest, ATaskMayComeToAPlaceByNoReturn) {
    answer(kObservedA, kOther, 0x10);
    call(kObservedA, kOther, 0x10);
    answer(kObservedA, kInner, 0x10);  // another function is called at that place
    answer(kObservedB, kOther, 0x10);
    EXPECT_THAT(passages(), ElementsAre("slab_callback"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(WholeCallsTest, ATailCallReturnsForItsCaller) {
    call(kObservedA, kOther, 0x10);
    call(kObservedA, kInner, 0x10);
    answer(kObservedA, kOther, 0x10);
    answer(kObservedA, kInner, 0x10);
    EXPECT_THAT(passages(), ElementsAre("slab_callback", "bus_notify", "/slab_callback", "/bus_notify"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(WholeCallsTest, AReturnThatWasNotSeenIsAContradiction) {
    call(kObservedA, kOther, 0x10);
    call(kObservedA, kInner, 0x20);
    answer(kObservedA, kOther, 0x10);
    EXPECT_THAT(passages(), ElementsAre("slab_callback", "bus_notify", "/slab_callback"));
    EXPECT_THAT(locks.contradictions(),
                ElementsAre("event 3: slab_callback returns, but not the call of bus_notify inside it (event 2)"));
    answer(kObservedA, kInner, 0x20);
    EXPECT_THAT(passages(), IsEmpty());
}

TEST_F(WholeCallsTest, ACallWithoutArgumentsIsAContradiction) {
    called = kOther, called_from = 0x10;
    enter(kObservedA, kOther);
    EXPECT_THAT(passages(), IsEmpty());
    EXPECT_THAT(locks.contradictions(), ElementsAre("event 1: a call of slab_callback has no arguments"));
}

TEST_F(WholeCallsTest, TooManyCallsInsideEachOtherAreAContradiction) {
    for (std::uint64_t i = 0; i <= 64; i++) call(kObservedA, kOther, 0x10 + i);
    passages();
    EXPECT_THAT(locks.contradictions(), ElementsAre("event 65: more than 64 calls inside each other"));
}

TEST_F(WholeCallsTest, ACallHasItsAnswer) {
    call(kObservedA, kOther, 0x10);
    answer(kObservedA, kOther, 0x10);
    const auto told = locks.follow(std::exchange(events, {}), true);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].arguments.size(), 3u);
    EXPECT_EQ(told[0].from, 0x10u);
    EXPECT_EQ(told[1].answer, 0x8002u);
}

// The probe had the task make the calls, and they returned to no place behind a call.
TEST_F(WholeCallsTest, ATaskThatComesToALockFunctionHasReturnedFromTheOneBefore) {
    call(kObservedA, kOther, 0x10);
    call(kObservedA, kAnyLock, 0x20);
    call(kObservedA, kAnyUnlock, 0x20);
    answer(kObservedA, kOther, 0x10);
    EXPECT_THAT(passages(), ElementsAre("slab_callback", "down_write", "/down_write", "up_write", "/slab_callback"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

TEST_F(WholeCallsTest, ATaskThatReturnsHasReturnedFromALockFunctionInside) {
    call(kObservedA, kOther, 0x10);
    call(kObservedA, kAnyLock, 0x20);
    answer(kObservedA, kOther, 0x10);
    EXPECT_THAT(passages(), ElementsAre("slab_callback", "down_write", "/down_write", "/slab_callback"));
    EXPECT_THAT(locks.contradictions(), IsEmpty());
}

}  // namespace
}  // namespace memrig
