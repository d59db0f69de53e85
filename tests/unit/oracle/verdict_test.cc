// Which verdicts find the kernel guilty.
#include "oracle/verdict.h"

#include <set>

#include <gtest/gtest.h>

namespace memrig {
namespace {

TEST(Verdict, ConvictsUnlessItHeldOrProvesNothing) {
    const std::set<std::string_view> innocent = {"held", "inconclusive", "rig-fault"};
    for (const auto name : verdict_names()) {
        EXPECT_EQ(convicts(name), !innocent.contains(name)) << name;
        EXPECT_EQ(convicts(*parse_verdict(name)), !innocent.contains(name)) << name;
    }
}

TEST(Verdict, ATextThatIsNoVerdictConvictsNobody) {
    for (const auto* text : {"", "skipped", "Deadlock", "oops "}) EXPECT_FALSE(convicts(text)) << text;
}

}  // namespace
}  // namespace memrig
