// The parts of a trial's page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page/html.h"
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

}  // namespace
}  // namespace memrig
