// HTML pages: text cannot become markup.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page/html.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

}  // namespace
}  // namespace memrig
