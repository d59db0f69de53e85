// The wait-for graph of a trial.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/wait_graph.h"
#include "unit/support/evidence_samples.h"

namespace memrig {
namespace {

using samples::Files;
using samples::kAdder;
using samples::kOnliner;
using ::testing::HasSubstr;

TrialRecord record_of(const Files& files) {
    const auto directory = TemporaryDirectory::make("memrig-drawings-test");
    samples::write_evidence(files, directory->path());
    auto record = read_trial_record(directory->path());
    EXPECT_TRUE(record) << record.error().line();
    return *record;
}

WaitGraph graph_of(const Files& files) {
    const TrialRecord record = record_of(files);
    return wait_graph(task_tracks(record), last_moment(record));
}

TEST(WaitGraph, HasTheCycleOfADeadlock) {
    const WaitGraph graph = graph_of(samples::deadlock());
    EXPECT_TRUE(graph.at_end);
    EXPECT_EQ(2u, graph.tasks.size());
    EXPECT_EQ(2u, graph.locks.size());
    ASSERT_EQ(4u, graph.edges.size());
    for (const auto& edge : graph.edges) EXPECT_TRUE(edge.in_cycle);
    EXPECT_THAT(graph.cycle, HasSubstr("waits for mem_hotplug_lock, held by adder"));
}

TEST(WaitGraph, ShowsTheLastRefusalWhereNobodyWaitsAtTheEnd) {
    const WaitGraph graph = graph_of(samples::held());
    EXPECT_FALSE(graph.at_end);
    ASSERT_EQ(2u, graph.edges.size());
    EXPECT_EQ(GraphEdgeKind::holds, graph.edges[0].kind);
    EXPECT_EQ(GraphEdgeKind::refused, graph.edges[1].kind);
    EXPECT_EQ("", graph.cycle);
    EXPECT_THAT(graph.tasks[0].also_holds, testing::ElementsAre("acpi_scan_lock", "cpu_hotplug_lock for reading"));
}

TEST(WaitGraph, ReadersDoNotWaitForEachOther) {
    for (const bool writer : {false, true}) {
        Files files;
        files.lock(1, kAdder, "adder", "takes", "cpu_hotplug_lock", true);
        files.lock(2, kOnliner, "onliner", "wants", "cpu_hotplug_lock", !writer);
        const WaitGraph graph = graph_of(files);
        EXPECT_EQ(writer ? 1u : 0u, graph.locks.size());
        ASSERT_EQ(writer ? 2u : 1u, graph.tasks.size());
        if (!writer) {
            EXPECT_THAT(graph.tasks[0].also_holds, testing::ElementsAre("cpu_hotplug_lock for reading"));
        }
    }
}

TEST(WaitGraph, AChainWithoutAnEndIsNoCycle) {
    Files files;
    files.lock(1, kAdder, "adder", "takes", "mem_hotplug_lock");
    files.lock(2, kOnliner, "onliner", "wants", "mem_hotplug_lock");
    const WaitGraph graph = graph_of(files);
    EXPECT_EQ(2u, graph.edges.size());
    EXPECT_EQ("", graph.cycle);
}

}  // namespace
}  // namespace memrig
