// The roster: whose task comes to an entry, who may be held, and who has finished.
#include <gtest/gtest.h>

#include "guest/fake_guest_link.h"
#include "play/roster.h"
#include "probe/fake_probe.h"

namespace memrig {
namespace {

constexpr std::uint64_t kAcpi = 0xffffffff81000100, kStateStore = 0xffffffff81000200;
constexpr std::uint64_t kWorker = 0xffffc90000004000, kOtherWorker = 0xffffc90000008000, kThread = 0xffffc90000010000;

Actor roster_actor(const std::string& name, ActorKind kind) {
    Actor made;
    made.name = name;
    made.kind = kind;
    return made;
}

Passage arrival(unsigned vcpu, std::uint64_t address, std::uint64_t task) {
    return {task, vcpu, address, SteadyTime{}};
}

// Two adders and an onliner, which is on vCPU 2. vCPU 1 is left to the adders.
class RosterTest : public ::testing::Test {
protected:
    RosterTest() {
        Casting casting;
        casting.vcpus = {{"onliner", 2}};
        casting.left = 1;
        roster.assign(casting);
        roster.set_entries("adder", {kAcpi});
        roster.set_entries("second", {kAcpi});
        roster.set_entries("onliner", {kStateStore});
    }
    const Actor& named(const std::string& name) const { return *schedule.find(name); }
    // The onliner writes to one block.
    void write(std::uint64_t block) { agent.report({"onliner", block, 0, SteadyTime{}}); }

    Schedule schedule{{roster_actor("adder", ActorKind::adder), roster_actor("second", ActorKind::adder),
                       roster_actor("onliner", ActorKind::onliner)},
                      {},
                      {}};
    FakeGuestLink agent;
    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
    Roster roster{schedule, agent, record};
};

TEST_F(RosterTest, ATaskIsNobodysUntilItEnters) {
    EXPECT_EQ(roster.actor_of(kWorker), "");
    EXPECT_EQ(roster.task_of("adder"), std::nullopt);
    roster.note_start("adder");
    roster.set_work("adder", 1);
    EXPECT_TRUE(roster.enters(named("adder"), arrival(0, kAcpi, kWorker)));
    EXPECT_EQ(roster.actor_of(kWorker), "adder");
    EXPECT_EQ(roster.task_of("adder"), kWorker);
    EXPECT_EQ(record.performance().tasks, (std::map<std::string, std::uint64_t>{{"adder", kWorker}}));
}

TEST_F(RosterTest, AnActorThatHasNotStartedOrHasFinishedDoesNotEnter) {
    EXPECT_FALSE(roster.enters(named("adder"), arrival(0, kAcpi, kWorker)));
    roster.note_start("adder");
    roster.set_work("adder", 1);
    EXPECT_FALSE(roster.enters(named("adder"), arrival(0, kStateStore, kWorker))) << "another entry";
    roster.note_call("adder");
    EXPECT_FALSE(roster.enters(named("adder"), arrival(0, kAcpi, kWorker)));
}

TEST_F(RosterTest, AThreadEntersOnItsOwnVcpuOnly) {
    roster.note_start("onliner");
    roster.set_work("onliner", 1);
    EXPECT_FALSE(roster.enters(named("onliner"), arrival(1, kStateStore, kThread)));
    EXPECT_TRUE(roster.enters(named("onliner"), arrival(2, kStateStore, kThread)));
}

TEST_F(RosterTest, OneWorkerIsTheFirstUnfinishedActor) {
    for (const char* name : {"adder", "second"}) {
        roster.note_start(name);
        roster.set_work(name, 1);
    }
    EXPECT_TRUE(roster.enters(named("adder"), arrival(0, kAcpi, kWorker)));
    EXPECT_FALSE(roster.enters(named("second"), arrival(0, kAcpi, kWorker)));
    EXPECT_EQ(roster.actor_of(kWorker), "adder");
    roster.note_call("adder");
    EXPECT_TRUE(roster.enters(named("second"), arrival(0, kAcpi, kWorker)));
    EXPECT_EQ(roster.actor_of(kWorker), "second");
    EXPECT_EQ(roster.task_of("adder"), std::nullopt);
}

TEST_F(RosterTest, OnlyAVirtioMemDeviceGoesToAnotherWorker) {
    roster.note_start("adder");
    roster.set_work("adder", 2);
    EXPECT_TRUE(roster.enters(named("adder"), arrival(0, kAcpi, kWorker)));
    EXPECT_FALSE(roster.enters(named("adder"), arrival(0, kAcpi, kOtherWorker)));
    schedule.actors[0].device = MemoryDevice::virtio_mem;
    EXPECT_TRUE(roster.enters(named("adder"), arrival(0, kAcpi, kOtherWorker)));
    EXPECT_EQ(roster.task_of("adder"), kOtherWorker);
}

TEST_F(RosterTest, AHoldStopsNoOtherUnfinishedActor) {
    EXPECT_TRUE(roster.may_be_held("onliner", 2));
    EXPECT_FALSE(roster.may_be_held("onliner", 1)) << "it is pinned elsewhere";
    EXPECT_TRUE(roster.may_be_held("adder", 1)) << "the vCPU that is left";
    EXPECT_TRUE(roster.may_be_held("adder", 0)) << "no thread is there";
    EXPECT_FALSE(roster.may_be_held("adder", 2)) << "the onliner is there";
    roster.note_start("onliner");
    roster.set_work("onliner", 1);
    write(32);
    EXPECT_TRUE(roster.may_be_held("adder", 2)) << "it has finished";
}

TEST_F(RosterTest, AThreadHasFinishedWhenItHasWrittenToEachBlock) {
    EXPECT_FALSE(roster.finished(named("onliner")));
    roster.note_start("onliner");
    roster.set_work("onliner", 2);
    write(32);
    EXPECT_FALSE(roster.finished(named("onliner")));
    write(33);
    EXPECT_TRUE(roster.finished(named("onliner")));
    EXPECT_FALSE(roster.all_finished()) << "the adders have not started";
    for (const char* name : {"adder", "second"}) roster.note_start(name);
    EXPECT_TRUE(roster.all_finished()) << "no call of theirs is needed";
}

TEST_F(RosterTest, ARoundCountsItsOwnWrites) {
    roster.note_start("onliner");
    roster.set_work("onliner", 1);
    write(32);
    EXPECT_TRUE(roster.finished(named("onliner")));
    roster.begin_round();
    EXPECT_FALSE(roster.has_started("onliner"));
    roster.note_start("onliner");
    roster.set_work("onliner", 1);
    EXPECT_EQ(roster.writes_of("onliner"), 0u);
    EXPECT_FALSE(roster.finished(named("onliner")));
    write(32);
    EXPECT_EQ(roster.writes_of("onliner"), 1u);
    EXPECT_TRUE(roster.finished(named("onliner")));
    EXPECT_EQ(record.performance().writes.size(), 2u);
}

TEST(RosterWithoutWatches, AnActorThatIsNoThreadCountsAsFinished) {
    const Schedule schedule{{roster_actor("adder", ActorKind::adder)}, {}, {}};
    FakeGuestLink agent;
    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
    Roster roster{schedule, agent, record};
    EXPECT_TRUE(roster.all_finished());
    EXPECT_TRUE(roster.entries("adder").empty());
}

TEST_F(RosterTest, EachOfSeveralCallsMayHaveATaskOfItsOwn) {
    schedule.actors[0].calls = 2;
    roster.note_start("adder");
    roster.set_work("adder", 2);
    EXPECT_TRUE(roster.enters(named("adder"), arrival(0, kAcpi, kWorker)));
    roster.note_call("adder");
    EXPECT_FALSE(roster.finished(named("adder")));
    EXPECT_TRUE(roster.enters(named("adder"), arrival(0, kAcpi, kOtherWorker)));
    roster.note_call("adder");
    EXPECT_TRUE(roster.finished(named("adder")));
}

}  // namespace
}  // namespace memrig
