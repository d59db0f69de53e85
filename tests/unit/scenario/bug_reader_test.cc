// The table [bug]: its defaults, and each mistake in it.
#include "scenario/bug_reader.h"

#include <algorithm>

#include "good_scenario.h"

namespace memrig {
namespace {

const std::string kGoodBug =
    "[bug]\ncommit = \"381eab4a6ee8\"\nsubject = \"mm: fix\"\nyear = 2018\nkernel = \"debian-6.12-amd64\"\n"
    "arm = \"mutant\"\n";

// The messages about the good scenario with `bug` behind it.
std::string mistakes_in(const std::string& bug) {
    TomlDocument document = TomlDocument::parse(good_text() + "\n" + bug, "bug.toml");
    (void)parse_scenario(document, "bug");
    std::string text;
    for (const auto& diagnostic : document.diagnostics()) text += diagnostic.message + "\n";
    return text;
}

std::string with(const std::string& old, const std::string& other) {
    std::string text = kGoodBug;
    return text.replace(text.find(old), old.size(), other);
}

TEST(BugTable, TheFixedSideIsTheControlOnTheSameKernel) {
    TomlDocument document = TomlDocument::parse(good_text() + "\n" + kGoodBug, "bug.toml");
    const Scenario scenario = parse_scenario(document, "bug");
    ASSERT_TRUE(document.status()) << document.status().error().message;
    ASSERT_TRUE(scenario.bug);
    EXPECT_EQ(scenario.bug->commits, std::vector<std::string>{"381eab4a6ee8"});
    EXPECT_EQ(scenario.bug->year, 2018u);
    EXPECT_EQ(scenario.bug->guilty.arm, "mutant");
    EXPECT_EQ(scenario.bug->innocent.kernel, "debian-6.12-amd64");
    EXPECT_EQ(scenario.bug->innocent.arm, "control");
    EXPECT_EQ(scenario.bug->verdicts, (std::vector<Verdict>{Verdict::oops, Verdict::deadlock}));
}

TEST(BugTable, EachMistakeIsTold) {
    EXPECT_NE(mistakes_in(with("381eab4a6ee8", "v6.12")).find("\"v6.12\" is no commit"), std::string::npos);
    EXPECT_NE(mistakes_in(with("debian-6.12-amd64", "debian-5-amd64")).find("debian-5-amd64"), std::string::npos);
    EXPECT_NE(mistakes_in(with("arm = \"mutant\"", "arm = \"none\"")).find("no arm \"none\""), std::string::npos);
    EXPECT_NE(mistakes_in(with("arm = \"mutant\"", "arm = \"control\"")).find("the two sides are the same"),
              std::string::npos);
    EXPECT_NE(mistakes_in(kGoodBug + "verdict = \"held\"\n").find("no verdict that convicts"), std::string::npos);
    EXPECT_NE(mistakes_in(kGoodBug + "fixes = \"x\"\n"), "");
}

TEST(BugTable, OfAMutantSaysWhatConvicts) {
    const std::string mutant = with("\"debian-6.12-amd64\"\narm = \"mutant\"\n",
                                    "\"ref-6.12-amd64+probe_store\"\narm = \"control\"\nfixed-kernel = "
                                    "\"ref-6.12-amd64\"\n");
    EXPECT_NE(mistakes_in(mutant).find("say here by which verdicts"), std::string::npos);
    EXPECT_EQ(mistakes_in(mutant + "verdict = \"rule-broken\"\n"), "");
}

TEST(BugTable, ACommitIsHexOrAMessage) {
    EXPECT_TRUE(names_commit("3f906ba23689"));
    EXPECT_TRUE(names_commit("lore:20260428081855.1249045-3-songmuchun@bytedance.com"));
    for (const char* word : {"", "3f906", "3f906ba2368g", "lore:", "lore:x"}) EXPECT_FALSE(names_commit(word)) << word;
}

TEST(KnownBugScenarios, HaveTheTableAndNoMistakes) {
    ASSERT_FALSE(known_bug_names().empty());
    for (const auto& name : known_bug_names()) {
        const auto scenario = load_scenario(name);
        ASSERT_TRUE(scenario) << scenario.error().line();
        EXPECT_TRUE(scenario->bug) << name;
        EXPECT_NE(scenario->path, "") << name;
    }
    for (const auto& name : scenario_names()) EXPECT_FALSE(name.starts_with("known/")) << name;
}

}  // namespace
}  // namespace memrig
