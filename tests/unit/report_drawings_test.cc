// What the drawings of a page are made from: the wait-for graph of a trial, the time axis, and text that cannot become markup.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence_samples.h"
#include "page/html.h"
#include "page/lanes.h"
#include "page/time_axis.h"
#include "page/trial_html.h"
#include "page/wait_graph.h"

namespace memrig {
namespace {

using samples::Files;
using samples::kAdder;
using samples::kOnliner;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(TimeAxis, KeepsTheOrderAndShortensWhatIsLong) {
    const TimeAxis axis({10'000, 0, 0.01, 1, 1}, 100, 1000);
    EXPECT_EQ(0, axis.at(-5));
    EXPECT_EQ(axis.width(), axis.at(20'000));
    double before = -1;
    for (const double ms : {0.0, 0.005, 0.01, 0.5, 1.0, 5'000.0, 10'000.0}) {
        EXPECT_GT(axis.at(ms), before) << ms;
        before = axis.at(ms);
    }
    EXPECT_LT(axis.at(10'000) - axis.at(1), 10'000 * axis.at(0.01));
    for (const auto& moments : {std::vector{3.0}, {3.0, 3.0}}) EXPECT_EQ(100, TimeAxis(moments, 100, 1000).width());
}

TEST(HtmlPage, TextIsNeverMarkup) {
    HtmlPage page("<title> & \"more\"");
    page.body()
        .add("p", "</p><script>alert(1)</script>\x01\x1b[31m\xff\xef\xbf\xbe")
        .set("title", "\" onload=\"x\n<b>");
    page.body().add("td");
    const std::string markup = page.markup();
    EXPECT_THAT(markup, HasSubstr("&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;????"));
    EXPECT_THAT(markup, HasSubstr("title=\"&quot; onload=&quot;x &lt;b>\""));
    EXPECT_THAT(markup, HasSubstr("<td></td>"));
    EXPECT_THAT(markup, Not(HasSubstr("<script")));
    EXPECT_TRUE(markup.starts_with("<!DOCTYPE html>\n<html "));
    EXPECT_THAT(page_style(), Not(testing::ContainsRegex("[<>&]")));
}

TEST(Console, MarksAReportsLinesAndShowsWhatIsAround) {
    std::vector<RecordedLine> lines;
    for (int i = 0; i < 1000; i++) lines.push_back({1.0 * i, fmt::format("[    1.000000] line {}", i)});
    lines[500].text = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000090";
    HtmlPage page("console");
    add_console(page.body(), lines);
    const std::string markup = page.markup();
    EXPECT_THAT(markup, HasSubstr("<mark class=\"headline\">▶    500.000  [    1.000000] BUG: kernel NULL"));
    EXPECT_THAT(markup, HasSubstr("line 490"));
    EXPECT_THAT(markup, Not(HasSubstr("line 100<")));
    EXPECT_THAT(markup, HasSubstr("lines left out …"));
}

}  // namespace
}  // namespace memrig
