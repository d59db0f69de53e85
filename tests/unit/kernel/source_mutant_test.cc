#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kernel/catalogue.h"
#include "kernel/source_mutant.h"

namespace memrig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kGood =
    "// it lacks a lock\n//\n// Undoes R1: see the document.\n//\n// file: mm/a.c\n// file: mm/b.c\n"
    "// parent: ref-x\n// changes: -2 +1\n// equivalent: nobody calls it\n\n@one@\n@@\n- a();\n\n@two depends on "
    "one@\n@@\n";

TEST(SourceMutant, ReadsItsHeader) {
    const auto mutant = parse_mutant(kGood, "m.cocci");
    ASSERT_TRUE(mutant) << mutant.error().line();
    EXPECT_EQ(mutant->name, "m");
    EXPECT_EQ(mutant->description, "it lacks a lock");
    EXPECT_THAT(mutant->files, ElementsAre("mm/a.c", "mm/b.c"));
    EXPECT_THAT(mutant->parents, ElementsAre("ref-x"));
    EXPECT_EQ(mutant->changes.removed, 2u);
    EXPECT_EQ(mutant->changes.added, 1u);
    EXPECT_EQ(mutant->equivalent, "nobody calls it");
    EXPECT_THAT(rule_names(mutant->text), ElementsAre("one", "two"));
}

TEST(SourceMutant, AParentMayHaveItsOwnNumberOfLines) {
    const auto mutant =
        parse_mutant("// d\n// file: a.c\n// parent: ref-x\n// parent: ref-y -3 +0\n// changes: -2 +1\n", "m.cocci");
    ASSERT_TRUE(mutant) << mutant.error().line();
    EXPECT_THAT(mutant->parents, ElementsAre("ref-x", "ref-y"));
    EXPECT_EQ(mutant->of("ref-x").changes, (LineCount{2, 1}));
    EXPECT_EQ(mutant->of("ref-y").changes, (LineCount{3, 0}));
}

TEST(SourceMutant, RefusesABadHeader) {
    const std::string start = "// it lacks a lock\n";
    const std::pair<std::string, const char*> cases[] = {
        {"", "a comment that says what"},
        {start, "// file: PATH"},
        {start + "// file: a.c\n", "// changes: -N +M"},
        {start + "// fil: a.c\n", ":2: not a header line"},
        {start + "// file: ../a.c\n", ":2: not a header line"},
        {start + "// file: /a.c\n", ":2: not a header line"},
        {start + "// file: a.c\n// changes: 2\n", ":3: not a header line"},
        {start + "// file: a.c\n// changes: -0 +0\n", ":3: not a header line"},
        {start + "// file: a.c\n// changes: -1 +1x\n", ":3: not a header line"},
        {start + "// file: a.c\n// parent: ref-x 3\n", ":3: not a header line"},
    };
    for (const auto& [text, words] : cases) {
        const auto mutant = parse_mutant(text, "m.cocci");
        ASSERT_FALSE(mutant) << text;
        EXPECT_EQ(mutant.error().fault, Fault::user_input);
        EXPECT_THAT(mutant.error().message, HasSubstr(words)) << text;
    }
}

TEST(SourceMutant, CountsLinesOfADiffButNotEmptyOnes) {
    const LineCount count = count_changes(
        "--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@\n a\n-b\n-\n--- c\n+d\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-e\n+\n");
    EXPECT_EQ(count.removed, 3u);
    EXPECT_EQ(count.added, 1u);
}

TEST(SourceMutant, AllOfOursAreRightAndHaveTheirParents) {
    const auto mutants = source_mutants();
    ASSERT_TRUE(mutants) << mutants.error().line();
    EXPECT_GE(mutants->size(), 16u);
    std::set<std::string> known;
    const auto catalogue = kernel_catalogue();
    ASSERT_TRUE(catalogue) << catalogue.error().line();
    for (const auto& entry : *catalogue) known.insert(entry.id);
    for (const auto& mutant : *mutants) {
        EXPECT_FALSE(rule_names(mutant.text).empty()) << mutant.name;
        EXPECT_TRUE(!mutant.equivalent.empty() || mutant.text.find("Documentation/") != std::string::npos ||
                    mutant.text.find("rule R") != std::string::npos ||
                    mutant.text.find("says itself: \"") != std::string::npos)
            << mutant.name << " does not say what it breaks";
        for (const auto& parent : mutant.parents) EXPECT_TRUE(known.contains(parent)) << mutant.name << ": " << parent;
    }
}

TEST(SourceMutant, IsForItsParentsOrElseForAmd64) {
    SourceMutant mutant;
    EXPECT_TRUE(mutant.is_for("ref-6.12-amd64", "x86_64"));
    EXPECT_FALSE(mutant.is_for("ref-6.12-ppc64le", "ppc64le"));
    mutant.parents = {"ref-6.12-ppc64le"};
    EXPECT_FALSE(mutant.is_for("ref-6.12-amd64", "x86_64"));
    EXPECT_TRUE(mutant.is_for("ref-6.12-ppc64le", "ppc64le"));
}

TEST(SourceMutant, HasAnIdOfItsOwn) {
    const auto kernel = find_kernel("ref-6.12-amd64+online_store");
    ASSERT_TRUE(kernel) << kernel.error().line();
    ASSERT_TRUE(kernel->mutant);
    EXPECT_EQ(kernel->mutant->name, "online_store");
    EXPECT_EQ(kernel->package, "linux-source-6.12");
    EXPECT_FALSE(find_kernel("debian-6.1-amd64+online_store"));
    EXPECT_FALSE(find_kernel("ref-6.12-amd64+"));
}

}  // namespace
}  // namespace memrig
