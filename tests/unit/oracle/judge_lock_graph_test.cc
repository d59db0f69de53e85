// The judge on the lock graph: the order of all locks, as the observer sees them.
#include <gtest/gtest.h>

#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

// Two tasks take "rtnl_mutex" and "pci_lock" in both orders, under a gate or not. The ledger knows neither lock.
std::optional<Finding> graph_finding(bool gated, bool complete) {
    const SampleTrial trial;
    const std::vector<LockEvent> ledger;
    LockGraphFacts graph;
    graph.complete = complete;
    const std::set<std::string> gates = gated ? std::set<std::string>{"device_hotplug_lock"} : std::set<std::string>();
    graph.edges = {{"rtnl_mutex", "pci_lock", false, false, kSampleAdder, gates, {}, "f+0x1", "f+0x2"},
                   {"pci_lock", "rtnl_mutex", false, false, kSampleOnliner, gates, {}, "g+0x1", "g+0x2"}};
    TrialEvidence evidence = trial.evidence();
    evidence.locks = &ledger;
    evidence.graph = graph;
    return lock_order_oracle(evidence);
}

TEST(JudgeLockGraph, AnUngatedCycleOfAnyLocksConvicts) {
    for (const bool complete : {true, false}) {
        const auto finding = graph_finding(false, complete);
        ASSERT_TRUE(finding);
        EXPECT_EQ(finding->verdict, Verdict::lock_order);
        EXPECT_EQ(finding->summary, "rtnl_mutex and pci_lock are taken in both orders, with no gate");
        ASSERT_EQ(finding->details.size(), 2u);
        EXPECT_EQ(finding->details[1], "onliner: pci_lock (g+0x1), then rtnl_mutex (g+0x2)");
    }
}

TEST(JudgeLockGraph, AGatedOneIsNoGroundToHold) { EXPECT_FALSE(graph_finding(true, true)); }

TEST(JudgeLockGraph, AGraphThatIsNotWholeProvesNothing) {
    const auto finding = graph_finding(true, false);
    ASSERT_TRUE(finding);
    EXPECT_EQ(finding->verdict, Verdict::inconclusive);
    EXPECT_EQ(finding->summary, "the locks were taken in more orders than are kept");
}

}  // namespace
}  // namespace memrig
