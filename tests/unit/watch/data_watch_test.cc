// R10 over a make-believe kernel: whoever writes a zone's figures holds mem_hotplug_lock.
#include "watch/data_watch.h"

#include <gmock/gmock.h>

#include "rules_fixture.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kNode0 = 0xffff888007000000, kNode1 = 0xffff888007100000;
const MemoryLayout kLayout{0x100,
                           0x200,
                           {{1, "DMA32"}, {2, "Normal"}, {3, "Movable"}},
                           2,
                           {{"present_pages", 0x18}},
                           {{"node_present_pages", 0x40}}};

class DataWatchTest : public ::testing::Test {
protected:
    DataWatchTest() {
        auto locks = kRulesLocks;
        locks.insert(locks.end(), {"node_data", "behind", "max_pfn"});
        kernel.symbols = SymbolTable(FakeKernel(kRulesFunctions, locks).symbols.list());
        kernel.probe.poke_u64(kernel.at("node_data"), kNode0);
        kernel.probe.poke_u64(kernel.at("node_data") + 16, kNode1);
        for (std::uint64_t i = 0; i < 32; i++)
            if (i != 0 && i != 2) kernel.probe.poke_u64(kernel.at("node_data") + 8 * i, 0);
    }
    void watch() {
        auto made_ledger = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
        ASSERT_TRUE(made_ledger) << made_ledger.error().message;
        ledger = *std::move(made_ledger);
        auto figures = hotplug_figures(kernel.probe, kernel.symbols, kLayout, ZonesToWatch::added);
        ASSERT_TRUE(figures) << figures.error().message;
        for (const auto& figure : *figures) kernel.probe.poke_u64(figure.address, 1);
        auto made = DataWatch::make(kernel.conductor, *ledger, kernel.symbols, *std::move(figures), "no BTF");
        ASSERT_TRUE(made) << made.error().message;
        rule = *std::move(made);
    }
    void lock(std::uint64_t task) {
        kernel.will_call(1, task, "percpu_down_write", "somebody", kernel.at("mem_hotplug_lock"));
        kernel.will_return(1, task, "somebody");
    }
    void unlock(std::uint64_t task) {
        kernel.will_call(1, task, "percpu_up_write", "somebody", kernel.at("mem_hotplug_lock"));
    }
    void write(std::uint64_t task, std::uint64_t address) {
        kernel.probe.will_write(1, kernel.at("offline_pages", 0x20), address, 7, {{"rsp", FakeKernel::sp(task)}});
    }
    std::vector<std::string> breaches() {
        kernel.run();
        std::vector<std::string> list;
        for (const auto& breach : rule->breaches())
            list.push_back(breach.rule + " " + breach.function + ": " + breach.reproach);
        return list;
    }

    FakeKernel kernel{kRulesFunctions, kRulesLocks};
    std::unique_ptr<LockLedger> ledger;
    std::unique_ptr<DataWatch> rule;
};

TEST_F(DataWatchTest, EveryFigureOfEveryNodeIsWatched) {
    watch();
    EXPECT_EQ(kernel.probe.watchpoints,
              (std::set<std::uint64_t>{kNode0 + 0x100 + 2 * 0x200 + 0x18, kNode0 + 0x100 + 3 * 0x200 + 0x18,
                                       kNode0 + 0x40, kNode1 + 0x100 + 2 * 0x200 + 0x18,
                                       kNode1 + 0x100 + 3 * 0x200 + 0x18, kNode1 + 0x40, kernel.at("max_pfn")}));
    EXPECT_THAT(rule->gaps(), IsEmpty());
}

TEST_F(DataWatchTest, AWriterHoldsTheLock) {
    watch();
    lock(kAdder);
    write(kAdder, kNode0 + 0x40);
    write(kAdder, kernel.at("max_pfn"));
    unlock(kAdder);
    EXPECT_THAT(breaches(), IsEmpty());
    EXPECT_EQ(rule->checks(), 2u);
}

TEST_F(DataWatchTest, AWriterWithoutTheLockBreaksTheRule) {
    watch();
    lock(kAdder);
    unlock(kAdder);
    write(kOnliner, kNode1 + 0x100 + 3 * 0x200 + 0x18);
    write(kAdder, kNode0 + 0x40);
    EXPECT_THAT(breaches(),
                ElementsAre("R10 offline_pages: and wrote present_pages of zone Movable, node 2 without "
                            "mem_hotplug_lock",
                            "R10 offline_pages: and wrote node_present_pages of node 0 without mem_hotplug_lock"));
    EXPECT_EQ(rule->checks(), 0u);
}

// Two vCPUs stopped, and QEMU named the wrong one.
TEST_F(DataWatchTest, AWriteWhileAnotherTaskHoldsTheLockIsThatTasks) {
    watch();
    lock(kAdder);
    write(kOnliner, kNode0 + 0x40);
    EXPECT_THAT(breaches(), IsEmpty());
    EXPECT_EQ(rule->checks(), 1u);
}

// Two vCPUs wrote, and QEMU reported one of them. It reports the other one later, when that vCPU comes to the page of a
// watchpoint for whatever reason (cpu->watchpoint_hit, accel/tcg/watchpoint.c): seen on 7.2, with kcompactd.
TEST_F(DataWatchTest, AHitThatIsReportedTooLateIsNoWrite) {
    watch();
    lock(kAdder);
    write(kAdder, kNode0 + 0x40);
    unlock(kAdder);
    write(kThird, kNode0 + 0x40);  // the value is what it was
    EXPECT_THAT(breaches(), IsEmpty());
    EXPECT_EQ(rule->checks(), 1u);
}

// The stop of the other vCPU already shows what was written.
TEST_F(DataWatchTest, AWriteThatAnotherStopHasShownIsNotJudgedLater) {
    watch();
    lock(kAdder);
    kernel.probe.will_stop(2, kernel.at("percpu_down_write"), {{"rsp", FakeKernel::sp(kThird)}});
    kernel.probe.poke_u64(kNode0 + 0x40, 7);
    unlock(kAdder);
    write(kThird, kNode0 + 0x40);
    EXPECT_THAT(breaches(), IsEmpty());
}

TEST_F(DataWatchTest, NothingIsWatchedBehindItsEnd) {
    watch();
    ASSERT_TRUE(rule->end());
    EXPECT_TRUE(kernel.probe.watchpoints.empty());
    ASSERT_TRUE(rule->end()) << "once more";
    ASSERT_EQ(rule->gaps().size(), 1u);
    EXPECT_THAT(rule->gaps()[0].text(), HasSubstr("not watched any more"));
}

TEST_F(DataWatchTest, AKernelWithoutFiguresIsAGap) {
    auto made_ledger = LockLedger::make(kernel.conductor, kernel.symbols, MutexWatching::calls);
    ASSERT_TRUE(made_ledger);
    const auto made = DataWatch::make(kernel.conductor, **made_ledger, kernel.symbols, {}, "no BTF");
    ASSERT_TRUE(made);
    ASSERT_EQ((*made)->gaps().size(), 1u);
    EXPECT_THAT((*made)->gaps()[0].text(), HasSubstr("R10: no BTF"));
    EXPECT_TRUE(kernel.probe.watchpoints.empty());
}

TEST(HotplugFigures, AKernelWithoutNumaHasOneNode) {
    FakeKernel kernel(kRulesFunctions, {"contig_page_data", "max_pfn"});
    const auto figures = hotplug_figures(kernel.probe, kernel.symbols, kLayout, ZonesToWatch::added);
    ASSERT_TRUE(figures);
    ASSERT_EQ(figures->size(), 4u);
    EXPECT_EQ(figures->front().address, kernel.at("contig_page_data") + 0x100 + 2 * 0x200 + 0x18);
}

TEST(HotplugFigures, AKernelWithoutSymbolsForDataHasNone) {
    FakeKernel kernel(kRulesFunctions, {"max_pfn"});
    const auto figures = hotplug_figures(kernel.probe, kernel.symbols, kLayout, ZonesToWatch::added);
    ASSERT_TRUE(figures);
    EXPECT_TRUE(figures->empty());
}

}  // namespace
}  // namespace memrig
