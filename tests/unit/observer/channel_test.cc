// The rings are written by the plugin's own code (src/observer/recorder.c), as in QEMU.
#include "observer/channel.h"

#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "channel_fixture.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ObserverChannelTest, EventsOfAllVcpusComeInTheOrderOfTheirNumbers) {
    begin_watching();
    touch(1, 0xffff888000200000);
    recorder_passed(&recorder_, 0, kTryFunction, OBSERVER_EVENT_ENTRY);
    touch(0, 0xffff888000200000, false);
    recorder_passed(&recorder_, 0, kTryFunction, OBSERVER_EVENT_LEAVE);
    touch(1, 0);
    const auto events = channel_->read(true);
    ASSERT_EQ(events.size(), 5u);
    std::vector<unsigned> kinds, vcpus;
    for (const auto& one : events) {
        kinds.push_back(one.kind);
        vcpus.push_back(one.vcpu);
        EXPECT_EQ(one.task, current_[one.vcpu]);
    }
    EXPECT_THAT(kinds, ElementsAre(OBSERVER_EVENT_STORE, OBSERVER_EVENT_ENTRY, OBSERVER_EVENT_LOAD,
                                   OBSERVER_EVENT_LEAVE, OBSERVER_EVENT_STORE));
    EXPECT_THAT(vcpus, ElementsAre(1, 0, 0, 0, 1));
    EXPECT_EQ(events[0].value, 0xffff888000200000);
    EXPECT_EQ(events[1].function, kTryFunction);
    EXPECT_THAT(channel_->faults(), IsEmpty());
    EXPECT_THAT(channel_->read(true), IsEmpty());
}

TEST_F(ObserverChannelTest, TheStackOfATaskIsRead) {
    begin();
    alignas(8) std::uint64_t memory[4] = {0, 0xffffc90000004000, 0, 0xffffc90000008000};
    ObserverTable one = table();
    one.direct = {0xffff888000000000, 0xffff888000000000 + sizeof memory, reinterpret_cast<std::uint64_t>(memory)};
    one.stack_offset = 8;
    channel_->watch(one);
    ASSERT_TRUE(recorder_ready(&recorder_));
    std::vector<std::uint64_t> stacks;
    for (const std::uint64_t task : {0xffff888000000000, 0xffff888000000010, 0xffff888000000018, 0xffff887ffffffff8,
                                     0xffff888000000004, 0xffffffff82000000}) {
        current_[0] = task;
        recorder_passed(&recorder_, 0, kTryFunction, OBSERVER_EVENT_ENTRY);
    }
    for (const auto& event : channel_->read(true)) stacks.push_back(event.stack);
    EXPECT_THAT(stacks, ElementsAre(memory[1], memory[3], 0u, 0u, 0u, 0u));
}

TEST_F(ObserverChannelTest, ARingGoesRoundAsOftenAsItIsRead) {
    begin_watching();
    for (std::uint64_t i = 1; i <= 50; i++) {
        touch(0, i);
        const auto events = channel_->read(true);
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].value, i);
        EXPECT_EQ(events[0].sequence, i);
    }
    EXPECT_THAT(channel_->faults(), IsEmpty());
}

TEST_F(ObserverChannelTest, AFullRingDropsAndTells) {
    begin_watching();
    for (std::uint64_t i = 1; i <= 11; i++) touch(0, i);
    EXPECT_EQ(channel_->read(true).size(), 8u);
    EXPECT_THAT(channel_->faults(), ElementsAre("the ring of vCPU 0 was full: 3 events were dropped"));
    touch(0, 12);
    EXPECT_EQ(channel_->read(true).size(), 1u);
    EXPECT_EQ(channel_->faults().size(), 1u);
}

TEST_F(ObserverChannelTest, EventsOfAVcpuThatAreMissingAreAFault) {
    begin_watching();
    touch(0, 1);
    touch(1, 2);
    touch(0, 3);
    ring(1).written = 0;
    EXPECT_EQ(channel_->read(true).size(), 2u);
    EXPECT_THAT(channel_->faults(), ElementsAre("event 1 is followed by event 3"));
}

TEST_F(ObserverChannelTest, TheLastEventIsMissedToo) {
    begin_watching();
    touch(0, 1);
    touch(1, 2);
    ring(1).written = 0;
    EXPECT_EQ(channel_->read(true).size(), 1u);
    EXPECT_THAT(channel_->faults(), ElementsAre("event 1 is the last that was read, but 2 were made"));
}

TEST_F(ObserverChannelTest, WhileTheGuestRunsAnEventMayStillBeOnItsWay) {
    begin_watching();
    touch(0, 1);
    touch(1, 2);
    touch(0, 3);
    ring(1).written = 0;
    EXPECT_EQ(channel_->read(false).size(), 1u);
    ring(1).written = 1;
    const auto events = channel_->read(false);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].value, 2u);
    EXPECT_EQ(events[1].value, 3u);
    EXPECT_THAT(channel_->faults(), IsEmpty());
}

TEST_F(ObserverChannelTest, ARingThatCountsWronglyIsDamaged) {
    begin_watching();
    touch(1, 1);
    ring(0).written = 1'000'000;
    EXPECT_EQ(channel_->read(true).size(), 1u);
    EXPECT_THAT(channel_->faults(), ElementsAre("the ring of vCPU 0 is damaged"));
    ring(0).written = 1;
    EXPECT_THAT(channel_->read(true), IsEmpty());
}

TEST_F(ObserverChannelTest, AnEventThatCannotBeIsDamage) {
    const std::vector<void (*)(ObserverEvent&)> damages = {
        [](ObserverEvent& one) { one.vcpu = 1; },          [](ObserverEvent& one) { one.kind = 9; },
        [](ObserverEvent& one) { one.kind = 0; },          [](ObserverEvent& one) { one.function = 2; },
        [](ObserverEvent& one) { one.span = 1; },          [](ObserverEvent& one) { one.sequence = 1; },
        [](ObserverEvent& one) { one.span = 0xffffffff; },
    };
    for (const auto& damage : damages) {
        begin_watching();
        touch(0, 1);
        touch(0, 2);
        damage(event(0, 1));
        EXPECT_EQ(channel_->read(true).size(), 1u);
        EXPECT_THAT(channel_->faults(), testing::Contains("the ring of vCPU 0 is damaged"));
        TearDown();
    }
}

TEST_F(ObserverChannelTest, TheSameNumberTwiceIsAFault) {
    begin_watching();
    touch(0, 1);
    touch(1, 2);
    event(1, 0).sequence = 1;
    channel_->read(true);
    EXPECT_THAT(channel_->faults(), testing::Contains("event 1 is followed by event 1"));
}

TEST_F(ObserverChannelTest, ATableThatCannotBeIsRefused) {
    const std::vector<void (*)(ObserverTable&)> mistakes = {
        [](ObserverTable& one) { one.function[1].start = one.function[0].start; },
        [](ObserverTable& one) { one.function[0].end = one.function[0].start; },
        [](ObserverTable& one) { one.function[0].watched = 0; },
        [](ObserverTable& one) { one.function[0].watched = 32; },
        [](ObserverTable& one) { one.function[1].kind = OBSERVER_KINDS; },
        [](ObserverTable& one) { one.function[1].entry = one.function[1].end; },
        [](ObserverTable& one) { one.function[1].entry = one.function[0].start; },
        [](ObserverTable& one) { one.code = 7; },
        [](ObserverTable& one) { one.code = OBSERVER_CODE_NONE; },
        [](ObserverTable& one) { one.current[3] = 0x1001; },
        [](ObserverTable& one) { one.direct = {0x2000, 0x1000, 0x1000}; },
        [](ObserverTable& one) { one.direct = {0x1000, 0x2000, 0}; },
        [](ObserverTable& one) {
            one.direct = {0x1000, 0x2000, 0x1000};
            one.stack_offset = 0x1000 - 8;
        },
    };
    for (const auto& mistake : mistakes) {
        begin();
        ObserverTable wrong = table();
        mistake(wrong);
        channel_->watch(wrong);
        EXPECT_FALSE(recorder_ready(&recorder_));
        EXPECT_FALSE(recorder_ready(&recorder_));
        channel_->read(true);
        EXPECT_THAT(channel_->faults(), ElementsAre("the observer refused its table"));
        TearDown();
    }
    begin();
    channel_->watch(table());
    header().table.functions = OBSERVER_MOST_FUNCTIONS + 1;
    EXPECT_FALSE(recorder_ready(&recorder_));
}

TEST_F(ObserverChannelTest, WhatRanBeforeTheTableIsAFault) {
    begin();
    EXPECT_FALSE(recorder_ready(&recorder_));
    channel_->watch(table());
    EXPECT_TRUE(recorder_ready(&recorder_));
    channel_->read(true);
    EXPECT_THAT(channel_->faults(), ElementsAre("the guest ran before the observer had its table"));
}

TEST_F(ObserverChannelTest, AVcpuWithoutARingIsAFault) {
    begin_watching();
    touch(2, 1);
    touch(4000, 1);
    EXPECT_THAT(channel_->read(true), IsEmpty());
    EXPECT_THAT(channel_->faults(), ElementsAre("a vCPU has no ring"));
}

TEST_F(ObserverChannelTest, ATaskThatSpinsMakesOneEvent) {
    begin_watching();
    for (int i = 0; i < 100; i++) touch(0, 5, false);
    EXPECT_EQ(channel_->read(true).size(), 1u);
    recorder_passed(&recorder_, 0, kTryFunction, OBSERVER_EVENT_ENTRY);
    touch(0, 5, false);
    touch(0, 6, false);
    current_[0] = 1;
    touch(0, 6, false);
    touch(0, 6, true);
    touch(0, 6, true);
    EXPECT_EQ(channel_->read(true).size(), 6u);
    EXPECT_THAT(channel_->faults(), IsEmpty());
}

TEST_F(ObserverChannelTest, OnlyAnAccessToASpanIsAnEvent) {
    begin_watching();
    alignas(8) std::uint64_t other = 77;
    recorder_touched(&recorder_, 0, kLockFunction, kLock + 8, true);
    recorder_touched(&recorder_, 0, kLockFunction, kLock - 1, true);
    EXPECT_THAT(channel_->read(true), IsEmpty());
    ASSERT_EQ(channel_->add_span({kLock + 8, kLock + 16, reinterpret_cast<std::uint64_t>(&other)}), 1u);
    recorder_touched(&recorder_, 0, kLockFunction, kLock + 12, true);
    const auto events = channel_->read(true);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].span, 1u);
    EXPECT_EQ(events[0].value, 77u);
}

TEST_F(ObserverChannelTest, ASpanThatCannotBeIsRefused) {
    begin_watching();
    const auto host = reinterpret_cast<std::uint64_t>(&word_);
    for (const ObserverSpan& wrong :
         {ObserverSpan{kLock, kLock, host}, ObserverSpan{kLock, kLock - 8, host}, ObserverSpan{kLock, kLock + 8, 0},
          ObserverSpan{kLock, kLock + 8, host + 1}, ObserverSpan{kLock, kLock + OBSERVER_MOST_SPAN_BYTES + 1, host}})
        EXPECT_FALSE(channel_->add_span(wrong));
    for (unsigned i = 1; i < OBSERVER_MOST_SPANS; i++)
        EXPECT_EQ(channel_->add_span({kLock + i * 8, kLock + i * 8 + 8, host}), i);
    EXPECT_FALSE(channel_->add_span({kLock - 8, kLock, host}));
}

TEST_F(ObserverChannelTest, ThePluginRefusesOtherMemory) {
    begin();
    Recorder other{};
    EXPECT_FALSE(recorder_open(&other, memory_, bytes_ - 1, 1, nullptr));
    EXPECT_FALSE(recorder_open(&other, memory_, 8, 1, nullptr));
    for (const auto wrong : {0u, 3u, 1u << 30}) {
        header().ring_events = wrong;
        EXPECT_FALSE(recorder_open(&other, memory_, bytes_, 1, nullptr));
    }
    header().ring_events = 8;
    for (const auto wrong : {0u, 65u, 0xffffffffu}) {
        header().vcpus = wrong;
        EXPECT_FALSE(recorder_open(&other, memory_, bytes_, 1, nullptr));
    }
    header().vcpus = 2;
    header().magic++;
    EXPECT_FALSE(recorder_open(&other, memory_, bytes_, 1, nullptr));
}

TEST_F(ObserverChannelTest, QemuCannotShrinkTheMemory) {
    begin();
    EXPECT_NE(::ftruncate(channel_->descriptor(), 0), 0);
    EXPECT_NE(::ftruncate(channel_->descriptor(), 1 << 30), 0);
}

TEST_F(ObserverChannelTest, WritersAndReaderMayWorkAtTheSameTime) {
    begin_watching(64);
    constexpr std::uint64_t each = 2000;
    std::vector<ObserverEvent> all;
    const auto write = [&](unsigned vcpu) {
        for (std::uint64_t i = 0; i < each; i++) {
            while (__atomic_load_n(&ring(vcpu).written, __ATOMIC_RELAXED) -
                       __atomic_load_n(&ring(vcpu).read, __ATOMIC_RELAXED) >=
                   64)
                std::this_thread::yield();
            recorder_passed(&recorder_, vcpu, kTryFunction, OBSERVER_EVENT_ENTRY);
        }
    };
    std::thread first(write, 0), second(write, 1);
    while (all.size() < 2 * each) {
        const auto events = channel_->read(false);
        all.insert(all.end(), events.begin(), events.end());
        ASSERT_THAT(channel_->faults(), IsEmpty());
    }
    first.join();
    second.join();
    EXPECT_THAT(channel_->read(true), IsEmpty());
    EXPECT_THAT(channel_->faults(), IsEmpty());
    for (std::uint64_t i = 0; i < all.size(); i++) ASSERT_EQ(all[i].sequence, i + 1);
}

}  // namespace
}  // namespace memrig
