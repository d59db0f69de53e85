// The cases of a sweep, and the value by which each allocator fails.
#include "run/sweep.h"

#include <gtest/gtest.h>

#include "base/exit_status.h"
#include "run/failable.h"

namespace memrig {
namespace {

const std::vector<RecordedCalls> kCalls = {{"adder", "__kmalloc_noprof", {"a", "b"}, true, false, false, 4},
                                           {"adder", "ida_alloc_range", {"c"}, true, false, false, 1},
                                           {"onliner", "pcpu_alloc", {"d"}, true, false, false, 2},
                                           {"onliner", "no_allocator", {"e"}, true, false, false, 1}};

std::vector<std::string> texts(const std::vector<SweepCase>& cases) {
    std::vector<std::string> all;
    for (const auto& one : cases) all.push_back(fmt::format("{} {}", one.failure.function, one.failure.nth));
    return all;
}

TEST(Sweep, TheFirstAndTheLastCallOfEachPathFail) {
    EXPECT_EQ(texts(cases_of(kCalls, {}, nullptr)),
              (std::vector<std::string>{"__kmalloc_noprof 1", "__kmalloc_noprof 4", "ida_alloc_range 1", "pcpu_alloc 1",
                                        "pcpu_alloc 2"}));
    EXPECT_EQ(cases_of(kCalls, {}, nullptr)[2].failure.value, static_cast<std::uint64_t>(-12));
    EXPECT_EQ(cases_of(kCalls, {}, nullptr)[1].recorded, 4u);
}

TEST(Sweep, WhatAnAllocatorCallsIsPartOfItsOwnCall) {
    EXPECT_TRUE(
        cases_of({{"adder", "__alloc_pages", {"new_slab", "__kmalloc", "f"}, true, false, false, 1}}, {}, nullptr)
            .empty());
}

TEST(Sweep, OnlyCallsByWayOfAFunctionFailIfThatIsAskedFor) {
    SweepSpec spec;
    spec.within = "b";
    EXPECT_EQ(texts(cases_of(kCalls, spec, nullptr)),
              (std::vector<std::string>{"__kmalloc_noprof 1", "__kmalloc_noprof 4"}));
}

TEST(Sweep, EveryCallFailsIfThatIsAskedFor) {
    SweepSpec spec;
    spec.every = true;
    spec.actors = {"adder"};
    EXPECT_EQ(cases_of(kCalls, spec, nullptr).size(), 5u);
    spec.most = 2;
    EXPECT_EQ(cases_of(kCalls, spec, nullptr).size(), 2u);
}

TEST(Sweep, APairIsACallThatCameBecauseAnotherOneFailed) {
    const auto cases = cases_of(kCalls, {}, nullptr);  // 1 to 3 of the adder, 4 and 5 of the onliner
    const RecordedCalls undone{"adder", "__kmalloc_noprof", {"undo"}, true, false, false, 2};
    const RecordedCalls again{"again", "__kmalloc_noprof", {"retry"}, true, false, false, 1};
    const RecordedCalls inside{"adder", "__alloc_pages", {"kmem_cache_alloc"}, true, false, false, 1};
    const std::map<std::size_t, std::vector<RecordedCalls>> after = {
        {2, {kCalls[0], undone, again, inside}}, {3, {undone}}, {5, {kCalls[2]}}};
    SweepSpec spec;
    const auto pairs = pairs_of(cases, kCalls, after, spec);
    ASSERT_EQ(pairs.size(), 2u) << "the first and the last call of one path, behind the first case that leads there";
    for (std::size_t i = 0; i < pairs.size(); i++) {
        EXPECT_EQ(pairs[i].number, 6 + i);
        EXPECT_EQ(pairs[i].failure.nth, 4u) << "as in case 2";
        ASSERT_TRUE(pairs[i].second);
        EXPECT_EQ(pairs[i].second->path, undone.path);
        EXPECT_EQ(pairs[i].second->nth, 1 + i);
    }
    spec.every = true;
    EXPECT_EQ(pairs_of(cases, kCalls, after, spec).size(), 4u) << "behind each case";
    spec.most = 1;
    EXPECT_EQ(pairs_of(cases, kCalls, after, spec).size(), 1u);
}

TEST(Sweep, EachAllocatorHasItsOwnFailure) {
    EXPECT_EQ(failed_allocation("kmem_cache_alloc"), 0u);
    EXPECT_EQ(failed_allocation("kmem_cache_alloc_noprof"), 0u);
    EXPECT_EQ(failed_allocation("alloc_low_pages"), 0u);
    EXPECT_EQ(failed_allocation("alloc_low_pages_noprof"), std::nullopt);
    EXPECT_EQ(failed_allocation("__xa_store"), static_cast<std::uint64_t>(-46));
    EXPECT_EQ(failed_allocation("add_memory"), std::nullopt);
}

TEST(Sweep, ItIsGoodOnlyIfEachCaseHeld) {
    Sweep sweep;
    EXPECT_EQ(sweep.exit_status(), kExitNothingRun);
    sweep.cases = cases_of(kCalls, {}, nullptr);
    for (auto& one : sweep.cases) {
        one.trial = TrialResult();
        one.trial->verdict = Verdict::held;
    }
    EXPECT_EQ(sweep.exit_status(), kExitGood);
    sweep.cases[0].trial->verdict = Verdict::inconclusive;
    EXPECT_EQ(sweep.exit_status(), kExitNotAsExpected);
    EXPECT_TRUE(sweep.convicted().empty());
    sweep.cases[0].trial->verdict = Verdict::warning;
    EXPECT_EQ(sweep.convicted().size(), 1u);
    sweep.cases[1].trial->verdict = Verdict::rig_fault;
    EXPECT_EQ(sweep.exit_status(), kExitRigFault);
}

}  // namespace
}  // namespace memrig
