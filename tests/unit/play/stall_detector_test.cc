// The stall detector: how a performance ends, and what it makes of the ledger and of a blocked task's stack.
#include <gtest/gtest.h>

#include "machine/fake_machine.h"
#include "play/stall_detector.h"

namespace memrig {
namespace {

Bench stall_detector_x86_bench() {
    Bench bench;
    bench.arch = "x86_64";
    return bench;
}

constexpr std::uint64_t kStallDetectorTask = 0xffffc90000004000;

LockEvent event_of(std::uint64_t task) {
    LockEvent event;
    event.task = task;
    return event;
}

TEST(LockProgress, IsThatOfTheCyclesTasks) {
    const std::vector<LockEvent> events = {event_of(1), event_of(2), event_of(3), event_of(1), event_of(3)};
    EXPECT_EQ(lock_progress(events, {}, {}), 5u) << "no cycle: all tasks count";
    EXPECT_EQ(lock_progress(events, WaitCycle{{event_of(1), event_of(2)}, {event_of(2), event_of(1)}}, {}), 3u);
}

TEST(LockProgress, IsNotThatOfReadersThatAreNoActors) {
    LockEvent read = event_of(4);
    read.shared = true;
    EXPECT_EQ(lock_progress({event_of(1), read, read}, {}, {{"onliner", 1}}), 1u);
    EXPECT_EQ(lock_progress({event_of(1), read, read}, {}, {{"onliner", 4}}), 3u);
}

TEST(SleepsAt, AsksForTheInnermostFrame) {
    const std::string where = "acpi_device_hotplug+0x41";
    EXPECT_TRUE(sleeps_at({7, "kworker", 'D', {where + "/0x90", "process_one_work+0x1/0x2"}}, where));
    EXPECT_FALSE(sleeps_at({7, "kworker", 'D', {"synchronize_rcu+0x1/0x2", where + "/0x90"}}, where))
        << "it waits for something else there";
    EXPECT_FALSE(sleeps_at({7, "kworker", 'D', {"acpi_device_hotplug+0x410/0x900"}}, where));
    EXPECT_FALSE(sleeps_at({7, "kworker", 'D', {}}, where));
}

TEST(SleepsAt, LeavesOutTheSwitchOfAPowerStack) {
    const std::string where = "dlpar_memory+0x41";
    EXPECT_TRUE(sleeps_at({7, "writer", 'D', {"0xc000000003fffc00", "__switch_to+0x1/0x2", where + "/0x90"}}, where));
}

// Without a ledger. The one actor is a thread that writes to one block.
class StallDetectorTest : public ::testing::Test {
protected:
    StallDetectorTest() {
        Casting casting;
        casting.vcpus = {{"onliner", 1}};
        roster.assign(casting);
        roster.note_start("onliner");
        roster.set_work("onliner", 1);
    }
    static Schedule one_onliner() {
        Actor onliner;
        onliner.name = "onliner";
        return {{onliner}, {}, {}};
    }
    [[nodiscard]] PlayEnd settled() {
        const Status status = stalls.settle(Deadline::after(std::chrono::minutes(1)));
        EXPECT_TRUE(status) << status.error().message;
        return record.performance().end;
    }

    Schedule schedule = one_onliner();
    FakeMachine machine{stall_detector_x86_bench()};
    Conductor conductor{machine.stub, machine.stub.architecture().kernel_stack_bytes};
    SymbolTable symbols;
    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
    Roster roster{schedule, machine.guest, record};
    Parking parking{conductor, symbols};
    StallDetector stalls{{machine, conductor, roster, record, 128ull << 20}, nullptr, symbols, parking};
    int looks = 0;
};

TEST_F(StallDetectorTest, SettlesWhenAllHaveFinished) {
    machine.guest.report({"onliner", 32, 0, SteadyTime{}});
    EXPECT_EQ(settled(), PlayEnd::finished);
}

TEST_F(StallDetectorTest, SettlesAtACrash) {
    record.note_crash({SteadyTime{}, "oops_enter", "onliner", 1});
    EXPECT_EQ(settled(), PlayEnd::crashed);
}

TEST_F(StallDetectorTest, GivesUpWhereWaitingIsHopeless) {
    stalls.give_up_when([] { return true; });
    EXPECT_TRUE(stalls.hopeless());
    EXPECT_EQ(settled(), PlayEnd::expired);
}

TEST_F(StallDetectorTest, AnActorThatHasFinishedIsNotHopeless) {
    stalls.give_up_when([] { return true; });
    machine.guest.report({"onliner", 32, 0, SteadyTime{}});
    EXPECT_FALSE(stalls.hopeless());
    EXPECT_EQ(settled(), PlayEnd::finished);
}

TEST_F(StallDetectorTest, ALookIsPreparedBeforeTheGuestIsAsked) {
    std::vector<std::size_t> asked;
    stalls.prepare_looks_by([&]() -> Status {
        asked.push_back(machine.guest.requests().size());
        return {};
    });
    ASSERT_TRUE(stalls.look_at_stuck());
    EXPECT_EQ(asked, std::vector<std::size_t>{0});
    EXPECT_FALSE(machine.guest.requests().empty());
}

TEST_F(StallDetectorTest, TwoLooksAtTheSameBlockedTaskShowNoProgress) {
    machine.guest.tasks =
        std::vector<BlockedTask>{{7, "onliner", 'D', {"online_pages+0x1/0x2"}}, {8, "other", 'D', {"msleep+0x1/0x2"}}};
    const auto stuck = stalls.look_at_stuck();
    ASSERT_TRUE(stuck);
    EXPECT_TRUE(*stuck);
    ASSERT_EQ(record.performance().stuck.size(), 2u);
    ASSERT_EQ(record.performance().stuck[0].blocked.size(), 1u) << "a task that sleeps by the clock waits for nobody";
    EXPECT_EQ(record.performance().stuck[0].blocked[0].tid, 7);
}

// Without a cycle the first look does not wait for a time-out, and one standstill is enough.
TEST_F(StallDetectorTest, AStandstillEndsThePlayAsSoonAsItIsSeen) {
    machine.guest.tasks = std::vector<BlockedTask>{{7, "onliner", 'D', {"online_pages+0x1/0x2"}}};
    const auto begun = steady_clock().now();
    EXPECT_EQ(settled(), PlayEnd::stuck);
    EXPECT_LT(seconds(steady_clock().now() - begun), 20);
}

TEST_F(StallDetectorTest, TwoLooksHaveTimeOfTheGuestBetweenThem) {
    machine.guest.tasks = std::vector<BlockedTask>{{7, "onliner", 'D', {"online_pages+0x1/0x2"}}};
    machine.guest.clock_step = kLookSpacingMs / 2;  // the guest is slower than its host
    const auto stuck = stalls.look_at_stuck();
    ASSERT_TRUE(stuck);
    EXPECT_TRUE(*stuck);
    const auto& seen = record.performance().stuck;
    EXPECT_EQ(seen[1].begin_ms - seen[0].end_ms, kLookSpacingMs);
    EXPECT_EQ(machine.guest.requests().size(), 3u);
}

TEST_F(StallDetectorTest, ATaskThatRanInBetweenShowsProgress) {
    machine.guest.on_request = [this](const std::string&) {
        BlockedTask task{7, "onliner", 'D', {"online_pages+0x1/0x2"}};
        task.voluntary = static_cast<std::uint64_t>(looks++);
        machine.guest.tasks = std::vector<BlockedTask>{task};
    };
    EXPECT_FALSE(*stalls.look_at_stuck());
}

TEST_F(StallDetectorTest, EmptyStacksShowNothing) {
    machine.guest.tasks = std::vector<BlockedTask>{{7, "onliner", 'D', {}}};
    EXPECT_FALSE(*stalls.look_at_stuck());
}

// Another task is blocked for good, and the actor works on: that is no standstill.
TEST_F(StallDetectorTest, AnActorThatIsNotBlockedIsAwake) {
    record.note_task("onliner", kStallDetectorTask);
    machine.guest.tasks = std::vector<BlockedTask>{{8, "other", 'D', {"io_schedule+0x1/0x2"}}};
    EXPECT_FALSE(*stalls.look_at_stuck());
    EXPECT_EQ(record.performance().stuck[1].awake, std::vector<std::string>{"onliner"});
    machine.guest.tasks->push_back({7, "onliner", 'D', {"online_pages+0x1/0x2"}});
    EXPECT_TRUE(*stalls.look_at_stuck());
    ASSERT_TRUE(machine.stub.set_register(2, "rsp", kStallDetectorTask + 0x2000));
    EXPECT_FALSE(*stalls.look_at_stuck()) << "it stands on a vCPU";
}

TEST_F(StallDetectorTest, TasksThatMoveShowProgress) {
    machine.guest.on_request = [this](const std::string&) {
        BlockedTask task{7, "onliner", 'D', {"online_pages+0x1/0x2"}};
        if (looks++ > 0) task.stack.push_back("vfs_write+0x1/0x2");
        machine.guest.tasks = std::vector<BlockedTask>{task};
    };
    const auto stuck = stalls.look_at_stuck();
    ASSERT_TRUE(stuck);
    EXPECT_FALSE(*stuck);
}

TEST_F(StallDetectorTest, AnAgentThatDoesNotAnswerIsAnError) {
    machine.guest.tasks = fail(Fault::guest, "no answer");
    EXPECT_EQ(stalls.look_at_stuck().error().fault, Fault::guest);
}

TEST_F(StallDetectorTest, OutsideALookNobodyIsParked) {
    record.note_task("onliner", kStallDetectorTask);
    const auto response =
        stalls.at_retry(schedule.actors[0], {1, 0, *machine.stub.registers(1), kStallDetectorTask, SteadyTime{}});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->kind, Response::Kind::pass);
}

}  // namespace
}  // namespace memrig
