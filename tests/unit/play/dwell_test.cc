// The dwell: a momentary observation lasts only if it stands while the observed vCPU makes progress.
#include <gtest/gtest.h>

#include "machine/fake_machine.h"
#include "play/dwell.h"

namespace memrig {
namespace {

constexpr std::uint64_t kTickEntry = 0xffffffff81000100, kTakesLock = 0xffffffff81000200;
constexpr std::uint64_t kDwellStack = 0xffffc90000012000;

Bench dwell_bench() {
    Bench bench;
    bench.arch = "x86_64";
    return bench;
}

LockEvent dwell_event(LockAction action) {
    LockEvent event;
    event.task = 0xffffc90000010000;
    event.vcpu = 2;
    event.action = action;
    event.lock = "device_hotplug_lock";
    event.where = "online_store+0x43";
    return event;
}

// The adder is held on vCPU 1. The onliner was refused on vCPU 2.
class DwellTest : public ::testing::Test {
protected:
    DwellTest() {
        record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
        record.note_lock(dwell_event(LockAction::refused), "onliner", {"adder"});
    }
    void will_tick(unsigned vcpu, unsigned times = 1) {
        for (unsigned i = 0; i < times; i++) machine.stub.will_stop(vcpu, kTickEntry, {{"rsp", kDwellStack}});
    }
    // The onliner takes the lock when vCPU 2 comes to this place.
    void will_take() {
        EXPECT_TRUE(conductor.watch(kTakesLock, [this](const Arrival&) -> Result<Response> {
            record.note_lock(dwell_event(LockAction::takes), "onliner", {});
            return Response::pass();
        }));
        machine.stub.will_stop(2, kTakesLock, {{"rsp", kDwellStack}});
    }
    [[nodiscard]] RunEnd outlasted() {
        const auto asked = [](const EvidenceRecord& one) { return one.actor == "onliner"; };
        const auto end = Dwell(conductor, symbols, record, stalls, nullptr).outlast(asked, Deadline(SteadyTime::min()));
        EXPECT_TRUE(end) << end.error().message;
        return end.value_or(RunEnd::expired);
    }
    [[nodiscard]] const EvidenceRecord& refusal() const { return record.performance().evidence.at(0); }

    Schedule schedule;
    FakeMachine machine{dwell_bench()};
    Conductor conductor{machine.stub, machine.stub.architecture().kernel_stack_bytes};
    SymbolTable symbols{{{kTickEntry, 'T', "update_process_times"}}};
    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
    Roster roster{schedule, machine.guest, record};
    Parking parking{conductor, symbols};
    StallDetector stalls{{machine, conductor, roster, record, 128ull << 20}, nullptr, symbols, parking};
};

TEST_F(DwellTest, LastsThroughTheTicksOfItsVcpu) {
    will_tick(2, kDwellTicks);
    EXPECT_EQ(outlasted(), RunEnd::done);
    EXPECT_TRUE(refusal().lasted);
    EXPECT_TRUE(machine.stub.breakpoints.empty()) << "the ticks cost stops only during the dwell";
}

TEST_F(DwellTest, TicksOfAnotherVcpuAreNoProgressOfTheActor) {
    will_tick(2, kDwellTicks - 1);
    will_tick(0, 10);
    EXPECT_EQ(outlasted(), RunEnd::expired);
    EXPECT_FALSE(refusal().lasted);
}

TEST_F(DwellTest, AnActorThatTakesTheLockMeanwhileWasNotKeptOut) {
    will_tick(2, kDwellTicks - 1);
    will_take();
    will_tick(2, kDwellTicks);
    EXPECT_EQ(outlasted(), RunEnd::done);
    EXPECT_TRUE(refusal().revoked);
    EXPECT_FALSE(refusal().lasted);
}

TEST_F(DwellTest, AnotherObservationTakesThePlaceOfARevokedOne) {
    record.note_lock(dwell_event(LockAction::takes), "onliner", {});
    record.note_lock(dwell_event(LockAction::refused), "onliner", {"adder"});
    will_tick(2, kDwellTicks);
    EXPECT_EQ(outlasted(), RunEnd::done);
    EXPECT_FALSE(refusal().lasted);
    EXPECT_TRUE(record.performance().evidence.at(1).lasted);
}

TEST_F(DwellTest, WhatIsNotAskedForNeedsNone) {
    const auto none = [](const EvidenceRecord&) { return false; };
    const auto end = Dwell(conductor, symbols, record, stalls, nullptr).outlast(none, Deadline(SteadyTime::min()));
    ASSERT_TRUE(end);
    EXPECT_EQ(*end, RunEnd::done);
    EXPECT_FALSE(refusal().lasted);
}

TEST_F(DwellTest, EndsWithACrash) {
    record.note_crash({SteadyTime{}, "oops_enter", "onliner", 2});
    EXPECT_EQ(outlasted(), RunEnd::done);
    EXPECT_FALSE(refusal().lasted);
}

TEST_F(DwellTest, NeedsTheFunctionOfTheTick) {
    const SymbolTable none;
    const auto all = [](const EvidenceRecord&) { return true; };
    const auto end = Dwell(conductor, none, record, stalls, nullptr).outlast(all, Deadline(SteadyTime::min()));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().fault, Fault::guest);
}

}  // namespace
}  // namespace memrig
