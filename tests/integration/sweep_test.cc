// A sweep on a real guest: calls are recorded and fail one by one, what it is asked is a scenario, and it goes on where
// it was interrupted.
#include "run/sweep.h"

#include <gtest/gtest.h>

#include "base/exit_status.h"
#include "base/file.h"
#include "integration/one_trial.h"
#include "report/sweep_report.h"

namespace memrig {
namespace {

class SweepOnAGuest : public ::testing::Test {
protected:
    // The calls of __add_memory() by way of which memory blocks are made: a handful, each with a BTF prototype.
    [[nodiscard]] SweepSpec spec() const {
        SweepSpec spec;
        spec.scenario = "validate/offline";
        spec.actors = {"adder"};
        spec.functions = {"kmem_cache_alloc", "kmem_cache_alloc_noprof", "__kmalloc_cache_noprof", "kmalloc_trace"};
        spec.within = "add_memory_block";
        spec.most = 4;
        spec.run.kernels = {"debian-6.12-amd64"};
        spec.run.out = directory.path() / "sweep";
        return spec;
    }

    std::unique_ptr<Host> backend = make_qemu_backend();
    test::QuietObserver observer;
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-sweep"));
};

TEST_F(SweepOnAGuest, EachCallFailsInATrialOfItsOwnAndAnInterruptedSweepGoesOn) {
    auto first = run_sweep(spec(), {backend.get()}, observer);
    ASSERT_TRUE(first) << first.error().line();
    ASSERT_EQ(first->played(), 4u);
    for (const auto& one : first->cases) {
        EXPECT_EQ(one.trial->verdict, Verdict::held) << one.trial->reason;
        EXPECT_NE(one.trial->reason.find("failed, and adder"), std::string::npos) << one.trial->reason;
        EXPECT_NE(std::ranges::find(one.failure.path, "add_memory_block"), one.failure.path.end());
    }
    EXPECT_EQ(first->exit_status(), kExitGood);
    EXPECT_EQ(write_findings(*first, spec().run.out).value_or(9), 0u);

    // As if it had been killed in the middle of the last case.
    const fs::path journal = spec().run.out / "results.jsonl";
    const std::string text = *read_file(journal);
    ASSERT_TRUE(write_file(journal, text.substr(0, text.size() - 20)));
    SweepSpec again = spec();
    again.resume = true;
    const auto second = run_sweep(again, {backend.get()}, observer);
    ASSERT_TRUE(second) << second.error().line();
    EXPECT_EQ(second->played(), 4u);
    EXPECT_FALSE(fs::exists(spec().run.out / "trials-3"));
    EXPECT_EQ(second->calls, first->calls);
    EXPECT_EQ(second->release, first->release);
    EXPECT_EQ(second->bench, "q35");

    again.every = true;
    const auto other = run_sweep(again, {backend.get()}, observer);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().fault, Fault::user_input);
}

// vmemmap_populate_hugepages() asks for small pages only where it gets no huge one (mm/sparse-vmemmap.c). Without
// either, add_pages() warns (arch/x86/mm/init_64.c).
TEST_F(SweepOnAGuest, APairIsOfACallThatComesOfAFailure) {
    SweepSpec pairs = spec();
    pairs.functions = {"vmemmap_alloc_block_buf"};
    pairs.within = "vmemmap_populate";
    pairs.allocators_only = true;
    pairs.depth = 2;
    pairs.most = 1;
    const auto sweep = run_sweep(pairs, {backend.get()}, observer);
    ASSERT_TRUE(sweep) << sweep.error().line();
    ASSERT_EQ(sweep->cases.size(), 2u);
    ASSERT_EQ(sweep->played(), 2u);
    EXPECT_FALSE(sweep->cases[0].second);
    EXPECT_EQ(sweep->cases[0].trial->verdict, Verdict::held) << sweep->cases[0].trial->reason;
    ASSERT_TRUE(sweep->cases[1].second);
    EXPECT_NE(sweep->cases[1].second->path, sweep->cases[1].failure.path);
    EXPECT_EQ(sweep->cases[1].trial->verdict, Verdict::warning) << sweep->cases[1].trial->reason;
}

// register_memory_resource() says that a region is taken where __request_region() had no memory. virtio-mem does not
// try again then (docs/findings.md, F8).
TEST_F(SweepOnAGuest, ADeviceThatTheKernelGivesUpIsConvictedAtOnce) {
    SweepSpec grown = spec();
    grown.scenario = "validate/virtio-mem";
    grown.within = "register_memory_resource";
    grown.allocators_only = true;
    grown.most = 1;
    const auto sweep = run_sweep(grown, {backend.get()}, observer);
    ASSERT_TRUE(sweep) << sweep.error().line();
    ASSERT_EQ(sweep->played(), 1u);
    const TrialResult& trial = *sweep->cases[0].trial;
    EXPECT_EQ(trial.verdict, Verdict::accounting) << trial.reason;
    EXPECT_NE(trial.reason.find("the kernel gave a device up: virtio_mem"), std::string::npos) << trial.reason;
}

TEST_F(SweepOnAGuest, NoSuchActorAndNoSuchCallAreTheUsersMistakes) {
    SweepSpec wrong = spec();
    wrong.actors = {"nobody"};
    EXPECT_EQ(run_sweep(wrong, {backend.get()}, observer).error().fault, Fault::user_input);
    wrong = spec();
    wrong.functions = {"printk"};
    EXPECT_EQ(run_sweep(wrong, {backend.get()}, observer).error().fault, Fault::user_input);
    wrong = spec();
    wrong.scenario = "validate/add-remove-loop";
    EXPECT_EQ(run_sweep(wrong, {backend.get()}, observer).error().fault, Fault::user_input);
}

}  // namespace
}  // namespace memrig
