// The parts of a trial's page.
#include <cstdlib>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page/html.h"
#include "page/lock_drawing.h"
#include "page/trial_html.h"
#include "report/trial_record.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TrialRecord record_with_a_cycle(const std::set<std::string>& gates) {
    TrialRecord record;
    record.order_tasks = {"ann", "<bob>"};
    LockEdge there, back;
    there.from = back.to = "a";
    there.to = back.from = "b";
    there.task = 0;
    back.task = 1;
    there.gates = back.gates = gates;
    record.orders = {there, back};
    return record;
}

std::string lock_graph_page(const TrialRecord& record) {
    HtmlPage page("locks");
    add_lock_graph(page.body(), record);
    return page.markup();
}

TEST(LockGraphOnAPage, TellsOfACycleAndDrawsIt) {
    const std::string page = lock_graph_page(record_with_a_cycle({}));
    EXPECT_THAT(page, HasSubstr("2 orders of two locks, 1 cycle."));
    EXPECT_THAT(page, HasSubstr("No lock keeps them apart."));
    EXPECT_THAT(page, HasSubstr("The cycles of the lock graph"));
    EXPECT_THAT(page, HasSubstr("edge ungated"));
    EXPECT_THAT(page, HasSubstr("&lt;bob&gt;"));
    EXPECT_THAT(lock_graph_page(record_with_a_cycle({"gate"})), HasSubstr("Gated by gate."));
    EXPECT_THAT(lock_graph_page(TrialRecord()), HasSubstr("Without an observer"));
}

TEST(LockGraphOnAPage, WithoutGraphvizTellsOfTheCycleAlone) {
    const std::string path = std::getenv("PATH");
    ASSERT_EQ(::setenv("PATH", "/nowhere", 1), 0);
    const std::string page = lock_graph_page(record_with_a_cycle({}));
    ASSERT_EQ(::setenv("PATH", path.c_str(), 1), 0);
    EXPECT_THAT(page, HasSubstr("No lock keeps them apart."));
    EXPECT_THAT(page, HasSubstr("Graphviz is not installed"));
    EXPECT_THAT(page, Not(HasSubstr("The cycles of the lock graph")));
}

}  // namespace
}  // namespace memrig
