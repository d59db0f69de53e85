#include "qmp/event_queue.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

namespace memrig {
namespace {

using namespace std::chrono_literals;

QmpEvent event(std::string name) {
    QmpEvent made;
    made.name = std::move(name);
    return made;
}

auto named(const char* name) {
    return [name](const QmpEvent& seen) { return seen.name == name; };
}

Deadline long_enough() { return Deadline::after(10s); }

TEST(EventQueue, NumbersEventsFromOne) {
    EventQueue queue;
    queue.push(event("A"));
    queue.push(event("B"));
    const auto all = queue.all();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].sequence, 1u);
    EXPECT_EQ(all[1].sequence, 2u);
    EXPECT_EQ(all[1].name, "B");
}

TEST(EventQueue, FindsTheFirstThatIsWantedAfterANumber) {
    EventQueue queue;
    for (const char* name : {"STOP", "RESUME", "STOP"}) queue.push(event(name));
    EXPECT_EQ(queue.wait(named("STOP"), 0, long_enough())->sequence, 1u);
    EXPECT_EQ(queue.wait(named("STOP"), 1, long_enough())->sequence, 3u);
    EXPECT_EQ(queue.wait(named("STOP"), 0, long_enough())->sequence, 1u);  // it stays for others
}

TEST(EventQueue, LooksBeforeItGivesUp) {
    EventQueue queue;
    queue.push(event("STOP"));
    EXPECT_TRUE(queue.wait(named("STOP"), 0, Deadline(SteadyTime::min())));
}

TEST(EventQueue, GivesUpAtTheDeadline) {
    EventQueue queue;
    queue.push(event("STOP"));
    const auto begin = std::chrono::steady_clock::now();
    const auto none = queue.wait(named("RESUME"), 0, Deadline::after(30ms));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, QmpFault::deadline);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
}

TEST(EventQueue, WakesAWaiter) {
    EventQueue queue;
    auto waiter = std::async(std::launch::async, [&] { return queue.wait(named("B"), 0, long_enough()); });
    queue.push(event("A"));
    queue.push(event("B"));
    EXPECT_EQ(waiter.get()->sequence, 2u);
}

TEST(EventQueue, APredicateMayUseTheQueue) {
    EventQueue queue;
    queue.push(event("A"));
    const auto pushes = [&](const QmpEvent& seen) {
        if (seen.name == "A") queue.push(event("B"));
        return seen.name == "B";
    };
    EXPECT_EQ(queue.wait(pushes, 0, long_enough())->sequence, 2u);
}

TEST(EventQueue, KeepsTheNewest) {
    EventQueue queue;
    const std::uint64_t count = EventQueue::kCapacity + 100;
    for (std::uint64_t i = 0; i < count; i++) queue.push(event("E"));
    const auto all = queue.all();
    ASSERT_EQ(all.size(), EventQueue::kCapacity);
    EXPECT_EQ(all.front().sequence, 101u);
    EXPECT_EQ(all.back().sequence, count);
    EXPECT_EQ(queue.wait(named("E"), 0, long_enough())->sequence, 101u);
}

// Thousands of the probe's stops, as with many breakpoints, do not push out what the guest answered.
TEST(EventQueue, StopsGoBeforeAllElse) {
    EventQueue queue;
    queue.push(event("ACPI_DEVICE_OST"));
    for (std::size_t i = 0; i < EventQueue::kCapacity; i++) queue.push(event(i % 2 == 0 ? "STOP" : "RESUME"));
    EXPECT_EQ(queue.all().size(), EventQueue::kCapacity);
    EXPECT_EQ(queue.all().front().name, "ACPI_DEVICE_OST");
    EXPECT_EQ(queue.all()[1].sequence, 3u) << "the oldest of them";
    for (std::size_t i = 0; i < EventQueue::kCapacity; i++) queue.push(event("E"));
    EXPECT_EQ(queue.all().front().name, "E") << "and then the oldest of all";
    queue.push(event("STOP"));
    EXPECT_EQ(queue.all().back().name, "STOP") << "the newest stays";
}

TEST(EventQueue, TheEndWakesWaitersAndLeavesWhatCameBefore) {
    EventQueue queue;
    auto waiter = std::async(std::launch::async, [&] { return queue.wait(named("B"), 0, long_enough()); });
    queue.push(event("A"));
    queue.end({QmpFault::transport, {}, "gone"});
    queue.end({QmpFault::protocol, {}, "too late to be the reason"});
    const auto none = waiter.get();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, QmpFault::transport);
    EXPECT_EQ(none.error().description, "gone");
    EXPECT_TRUE(queue.wait(named("A"), 0, long_enough()));
}

TEST(EventQueue, ServesManyThreads) {
    EventQueue queue;
    std::vector<std::future<std::uint64_t>> waiters;
    waiters.reserve(4);
    for (int i = 0; i < 4; i++)
        waiters.push_back(std::async(std::launch::async, [&] {
            std::uint64_t seen = 0;
            while (seen < 1000) seen = queue.wait([](const QmpEvent&) { return true; }, seen, long_enough())->sequence;
            return seen;
        }));
    for (int i = 0; i < 1000; i++) queue.push(event("E"));
    for (auto& waiter : waiters) EXPECT_EQ(waiter.get(), 1000u);
}

}  // namespace
}  // namespace memrig
