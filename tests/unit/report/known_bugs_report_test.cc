// The table of known bugs, as text, Markdown and JSON.
#include "report/known_bugs_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace memrig {
namespace {

KnownBugs three() {
    KnownBugs bugs;
    bugs.seconds = 12;
    BugRow shown;
    shown.scenario = "known/one";
    shown.bug = {
        {"381eab4a6ee8"},      "mm: fix | one", 2018, {"debian-6.12-amd64", "bug"}, {"debian-6.12-amd64", "control"},
        {Verdict::rule_broken}};
    shown.guilty = {shown.bug.guilty, {{Verdict::rule_broken, "rules", "R4", "one/guilty/1"}}, ""};
    shown.innocent = {shown.bug.innocent, {{Verdict::held, "", "", "one/innocent/1"}}, ""};
    BugRow missed = shown;
    missed.scenario = "known/two";
    missed.guilty.trials = {{Verdict::held, "", "nothing\nwas seen", "two/guilty/1"}};
    missed.innocent.trials.clear();
    missed.innocent.not_played = "this kernel has no lru_gen";
    bugs.rows = {shown, missed};
    bugs.unshown = {{{"b5d24fda9c3d"}, "mm, devm: hold", 2017, "the fix was taken out again"}};
    return bugs;
}

TEST(KnownBugsReport, TextHasARowForEachBugAndTheReasonsOfTheOthers) {
    EXPECT_EQ(
        known_bugs_text(three(), Paint(false)),
        "2018  mm: fix | one\n"
        "      381eab4a6ee8  known/one\n"
        "      debian-6.12-amd64, arm bug: rule-broken (rules), 1 trial needed; control held\n"
        "2018  mm: fix | one\n"
        "      381eab4a6ee8  known/two\n"
        "      debian-6.12-amd64, arm bug: NOT CONVICTED: held: nothing was seen; control not played: this kernel "
        "has no lru_gen\n"
        "\nnot shown\n"
        "2017  mm, devm: hold\n      b5d24fda9c3d  the fix was taken out again\n"
        "\n1 of 2 bugs shown: convicted with the bug, and held without it; 1 not shown; 12 s\n");
}

TEST(KnownBugsReport, AListSaysNothingOfWhatWasShown) {
    KnownBugs bugs = three();
    for (auto& row : bugs.rows) row.guilty.trials.clear(), row.innocent = {row.innocent.side, {}, ""};
    const std::string text = known_bugs_text(bugs, Paint(false));
    EXPECT_NE(text.find("arm bug: not played; control not played\n"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("\n2 bugs, and 1 that are not shown\n")) << text;
}

TEST(KnownBugsReport, MarkdownIsEscaped) {
    const std::string text = known_bugs_markdown(three());
    EXPECT_NE(text.find("| 2018 | mm: fix \\| one | 381eab4a6ee8 | debian-6.12-amd64, arm bug |"), std::string::npos)
        << text;
    EXPECT_NE(text.find("| 1 | held |\n"), std::string::npos) << text;
}

TEST(KnownBugsReport, JsonHasBothSides) {
    const auto json = nlohmann::json::parse(known_bugs_json(three()));
    EXPECT_EQ(json["shown"], 1);
    EXPECT_EQ(json["bugs"][0]["shown"], true);
    EXPECT_EQ(json["bugs"][1]["control_held"], false);
    EXPECT_EQ(json["bugs"][1]["innocent"]["not_played"], "this kernel has no lru_gen");
    EXPECT_EQ(json["not_shown"][0]["reason"], "the fix was taken out again");
}

}  // namespace
}  // namespace memrig
