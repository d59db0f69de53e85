// Notices of memory blocks: which number is which, and what has to come before what.
#include "oracle/notifiers.h"
#include "kernel_fixture.h"

namespace memrig {
namespace {

TEST(NoticeNumbers, AreBitsWhereTheFirstIsOne) {
    NoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(8), Notice::going_online);
    EXPECT_EQ(numbers.meaning(1), Notice::online);
    EXPECT_EQ(numbers.meaning(2), Notice::going_offline);
    EXPECT_EQ(numbers.meaning(4), Notice::offline);
    EXPECT_EQ(numbers.meaning(16), Notice::cancel_online);
    EXPECT_EQ(numbers.meaning(32), Notice::cancel_offline);
    EXPECT_EQ(numbers.meaning(64), Notice::other);
}

TEST(NoticeNumbers, AreCountedWhereTheFirstIsNoBit) {
    for (const std::uint64_t first : {3, 6}) {
        NoticeNumbers numbers;
        EXPECT_EQ(numbers.meaning(first), first == 3 ? Notice::going_online : Notice::other);
        EXPECT_TRUE(numbers.known());
        EXPECT_EQ(numbers.meaning(0), Notice::online);
        EXPECT_EQ(numbers.meaning(1), Notice::going_offline);
        EXPECT_EQ(numbers.meaning(2), Notice::offline);
        EXPECT_EQ(numbers.meaning(4), Notice::cancel_online);
        EXPECT_EQ(numbers.meaning(5), Notice::cancel_offline);
        EXPECT_EQ(numbers.meaning(7), Notice::other);
    }
}

TEST(NoticeNumbers, ABitThatComesFirstCanBeThatOfAnyKernelSince6Point8) {
    NoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(64), Notice::other);  // MEM_PREPARE_ONLINE
    EXPECT_EQ(numbers.meaning(8), Notice::going_online);
}

TEST(NoticeNumbers, MeanNothingBeforeAPlainOnline) {
    NoticeNumbers numbers;
    EXPECT_EQ(numbers.meaning(5), Notice::other);
    EXPECT_FALSE(numbers.known());
}

class NotifierTest : public ::testing::Test {
protected:
    void SetUp() override {
        ledger = *LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        watch = *NotifierWatch::make(kernel.conductor, *ledger, kernel.symbols);
    }
    void notices(std::uint64_t task, const std::vector<std::uint64_t>& actions) {
        for (const auto action : actions) kernel.will_call(1, task, "memory_notify", "somebody", action);
    }
    std::vector<std::string> reproaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : watch->breaches()) list.push_back(breach.rule + " " + breach.reproach);
        return list;
    }

    FakeKernel kernel{
        {"mutex_lock", "mutex_trylock", "mutex_unlock", "percpu_down_write", "percpu_up_write", "get_online_mems",
         "put_online_mems", "bus_probe_device", "device_online", "device_offline", "memory_notify", "somebody"},
        {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock", "acpi_scan_lock"}};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<NotifierWatch> watch;
};

TEST_F(NotifierTest, WhatIsAnnouncedAndDoneIsSilent) {
    notices(kOnliner, {3, 0, 1, 2});
    notices(kOnliner, {3, 4, 1, 5});
    EXPECT_EQ(reproaches(), std::vector<std::string>{});
    EXPECT_EQ(watch->checks(), 8u);
}

TEST_F(NotifierTest, TasksAreToldApart) {
    notices(kOnliner, {3});
    notices(kThird, {1});
    notices(kOnliner, {0});
    notices(kThird, {2});
    EXPECT_EQ(reproaches(), std::vector<std::string>{});
}

TEST_F(NotifierTest, ACancellationNeedsItsAnnouncement) {
    notices(kOnliner, {3, 0, 5});
    EXPECT_EQ(reproaches(),
              std::vector<std::string>{"N1 with MEM_CANCEL_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

TEST_F(NotifierTest, AnAnnouncementOfTheOtherKindIsNone) {
    notices(kOnliner, {3, 2});
    EXPECT_EQ(reproaches(), std::vector<std::string>{"N1 with MEM_OFFLINE, but without a MEM_GOING_OFFLINE before"});
}

TEST_F(NotifierTest, NothingIsAnnouncedTwice) {
    notices(kOnliner, {3, 3});
    EXPECT_EQ(reproaches(), std::vector<std::string>{
                                "N1 with MEM_GOING_ONLINE, but has not said yet what became of its MEM_GOING_ONLINE"});
}

}  // namespace
}  // namespace memrig
