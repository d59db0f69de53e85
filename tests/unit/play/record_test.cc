// The record: each fact is in the performance and, where it is an event, in the timeline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "play/record.h"

namespace memrig {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kTask = 0xffffc90000004000;

LockEvent lock_event(LockAction action) {
    LockEvent event;
    event.task = kTask;
    event.vcpu = 1;
    event.action = action;
    event.lock = "device_hotplug_lock";
    event.where = "online_store+0x43";
    return event;
}

class RecordTest : public ::testing::Test {
protected:
    // "onliner lock: wants device_hotplug_lock (online_store+0x43)"
    [[nodiscard]] std::vector<std::string> events() const {
        std::vector<std::string> texts;
        for (const auto& event : timeline.sorted())
            texts.push_back(fmt::format("{} {}: {}", event.actor, event.what, event.text));
        return texts;
    }
    [[nodiscard]] const Performance& seen() const { return record.performance(); }

    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
};

TEST_F(RecordTest, ARefusedActorIsAnObservation) {
    record.note_lock(lock_event(LockAction::refused), "onliner", {"adder"});
    EXPECT_THAT(events(), ElementsAre("onliner lock: is refused device_hotplug_lock (online_store+0x43)",
                                      "onliner evidence: refused device_hotplug_lock"));
    ASSERT_EQ(seen().evidence.size(), 1u);
    EXPECT_EQ(seen().evidence[0].actor, "onliner");
    EXPECT_EQ(seen().evidence[0].evidence.text(), "refused device_hotplug_lock");
    EXPECT_EQ(seen().evidence[0].where, "online_store+0x43");
}

TEST_F(RecordTest, AWaitingActorIsAnObservationThatTheLockEventShows) {
    record.note_lock(lock_event(LockAction::wants), "onliner", {"adder"});
    EXPECT_THAT(events(), ElementsAre("onliner lock: wants device_hotplug_lock (online_store+0x43)"));
    ASSERT_EQ(seen().evidence.size(), 1u);
    EXPECT_EQ(seen().evidence[0].evidence.kind, Observation::Kind::blocked);
    record.note_lock(lock_event(LockAction::takes), "onliner", {"adder"});
    EXPECT_EQ(seen().evidence.size(), 1u);
}

TEST_F(RecordTest, AnObservationNamesTheOwnersOfItsLock) {
    record.note_lock(lock_event(LockAction::refused), "onliner", {"adder"});
    EXPECT_THAT(seen().evidence.back().owners, ElementsAre("adder"));
}

TEST_F(RecordTest, TakingTheLockUnderAHoldRevokesWhatWasSeenOfIt) {
    record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
    record.note_lock(lock_event(LockAction::wants), "onliner", {"adder"});
    EXPECT_FALSE(seen().evidence.back().revoked);
    record.note_lock(lock_event(LockAction::takes), "onliner", {});
    EXPECT_TRUE(seen().evidence.back().revoked);
}

TEST_F(RecordTest, TakingTheLockAfterTheHoldRevokesNothing) {
    record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
    record.note_lock(lock_event(LockAction::wants), "onliner", {"adder"});
    record.note_release("adder");
    record.note_lock(lock_event(LockAction::takes), "onliner", {});
    EXPECT_FALSE(seen().evidence.back().revoked);
}

TEST_F(RecordTest, AnEntryUnderAHoldRevokesThatTheWorkWasOnlyQueued) {
    record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
    record.note_observation("vcpu", {Observation::Kind::queued, "acpi_hotplug_schedule"}, 0, "acpi_hotplug_schedule");
    record.note_lock(lock_event(LockAction::refused), "vcpu", {"adder"});
    record.note_entry("adder", "acpi_device_hotplug", 1);
    EXPECT_FALSE(seen().evidence[0].revoked) << "another actor entered";
    record.note_entry("vcpu", "acpi_device_hotplug", 2);
    EXPECT_TRUE(seen().evidence[0].revoked);
    EXPECT_FALSE(seen().evidence[1].revoked) << "an entry takes no lock";
    EXPECT_EQ(events().back(), "vcpu enters: acpi_device_hotplug");
}

TEST_F(RecordTest, AnEntryAfterTheHoldRevokesNothing) {
    record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
    record.note_observation("vcpu", {Observation::Kind::queued, "acpi_hotplug_schedule"}, 0, "acpi_hotplug_schedule");
    record.note_release("adder");
    record.note_entry("vcpu", "acpi_device_hotplug", 2);
    EXPECT_FALSE(seen().evidence[0].revoked);
}

TEST_F(RecordTest, AnObservationThatLastedSaysSo) {
    record.note_lock(lock_event(LockAction::refused), "onliner", {"adder"});
    EXPECT_FALSE(seen().evidence[0].lasted);
    EXPECT_EQ(seen().evidence[0].vcpu, 1u);
    record.note_lasted(0, 3);
    EXPECT_TRUE(seen().evidence[0].lasted);
    EXPECT_EQ(events().back(), "onliner evidence: still refused device_hotplug_lock after 3 ticks");
}

TEST_F(RecordTest, ATaskThatIsNoActorIsOnlyInTheTimeline) {
    record.note_lock(lock_event(LockAction::refused), "", {"adder"});
    EXPECT_THAT(events(),
                ElementsAre("task ffffc90000004000 lock: is refused device_hotplug_lock (online_store+0x43)"));
    EXPECT_THAT(seen().evidence, IsEmpty());
}

TEST_F(RecordTest, AnObservationNamesTheActorsThatWereHeld) {
    record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
    record.note_observation("onliner", {Observation::Kind::entered, "online_pages"}, 2, "online_pages");
    EXPECT_THAT(seen().evidence.back().during, ElementsAre("adder"));
    const auto ended = record.note_release("adder");
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].vcpu, 1u);
    EXPECT_TRUE(seen().holds[0].released);
    EXPECT_THAT(record.note_release("adder"), IsEmpty()) << "it is released already";
    record.note_observation("onliner", {Observation::Kind::entered, "online_pages"}, 2, "online_pages");
    EXPECT_THAT(seen().evidence.back().during, IsEmpty());
}

TEST_F(RecordTest, AHoldOfAVcpuAndOneOfAPage) {
    record.note_hold({"adder", "bus_probe_device", 1, 32, SteadyTime{}, {}});
    record.note_hold({"adder", "device_online", 1, {}, SteadyTime{}, {}});
    record.note_hold({"pinner", "a page", 0, 32, SteadyTime{}, {}, 0x100000});
    EXPECT_THAT(events(), ElementsAre("adder held: bus_probe_device of memory32", "adder held: device_online",
                                      "pinner pins: page frame 0x100000 of memory32"));
}

TEST_F(RecordTest, EachWriteIsOneEvent) {
    const WriterReport first{"onliner", 32, 0, SteadyTime{}}, second{"onliner", 33, EBUSY, SteadyTime{}};
    record.note_writes({first});
    record.note_writes({first, second});
    EXPECT_THAT(events(), ElementsAre("onliner write: memory32: done", "onliner write: memory33: EBUSY"));
    EXPECT_EQ(seen().writes.size(), 2u);
}

TEST_F(RecordTest, TheLastPairOfLooksStays) {
    for (std::size_t events : {1, 2, 3, 4}) {
        StuckSample sample;
        sample.lock_events = events;
        record.note_look(sample);
    }
    ASSERT_EQ(seen().stuck.size(), 2u);
    EXPECT_EQ(seen().stuck[0].lock_events, 3u);
    EXPECT_EQ(seen().stuck[1].lock_events, 4u);
    EXPECT_THAT(events(), ElementsAre("rig stuck: 0 blocked tasks, no cycle", "rig stuck: 0 blocked tasks, no cycle",
                                      "rig stuck: 0 blocked tasks, no cycle", "rig stuck: 0 blocked tasks, no cycle"));
}

TEST_F(RecordTest, ARoundForgetsWhatTheNextOneRepeats) {
    record.note_task("adder", kTask);
    record.note_plugged("adder", {32, 33});
    record.note_answer("adder", kDone);
    record.note_writes({{"onliner", 32, 0, SteadyTime{}}});
    EXPECT_EQ(record.answer_of("adder"), kDone);
    record.begin_round();
    EXPECT_EQ(record.answer_of("adder"), "");
    EXPECT_THAT(seen().tasks, IsEmpty());
    EXPECT_THAT(seen().plugged, IsEmpty());
    EXPECT_EQ(seen().writes.size(), 1u);
}

TEST_F(RecordTest, ACrashIsNoted) {
    EXPECT_FALSE(record.crashed());
    record.note_crash({SteadyTime{}, "oops_enter", "adder", 1});
    EXPECT_TRUE(record.crashed());
    EXPECT_THAT(events(), ElementsAre("adder crash: oops_enter"));
}

}  // namespace
}  // namespace memrig
