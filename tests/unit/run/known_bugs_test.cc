// Known bugs: what counts as shown, the exit status, and the file of those that are not shown.
#include "run/known_bugs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/exit_status.h"
#include "base/file.h"

namespace memrig {
namespace {

class FakeProgress final : public RunObserver {
public:
    void busy_with(const std::string&) override {}
    void planned(unsigned) override {}
    void trial_done(const ArmResult&, const TrialResult&) override {}
};

BugRow row(std::vector<Verdict> guilty, std::vector<Verdict> innocent) {
    BugRow made;
    made.scenario = "known/one";
    made.bug.verdicts = {Verdict::rule_broken};
    for (const Verdict verdict : guilty) made.guilty.trials.push_back({verdict, "rules", "why", "one/guilty/1"});
    for (const Verdict verdict : innocent) made.innocent.trials.push_back({verdict, "", "", "one/innocent/1"});
    return made;
}

int status_of(std::vector<BugRow> rows, bool interrupted = false) {
    KnownBugs bugs;
    bugs.rows = std::move(rows);
    bugs.interrupted = interrupted;
    return bugs.exit_status();
}

TEST(KnownBugs, ABugIsShownIfItIsConvictedAndItsControlHeld) {
    EXPECT_TRUE(row({Verdict::rule_broken}, {Verdict::held}).is_shown());
    EXPECT_TRUE(row({Verdict::held, Verdict::rule_broken}, {Verdict::held, Verdict::held}).is_shown());
    EXPECT_FALSE(row({Verdict::oops}, {Verdict::held}).is_shown()) << "of something else";
    EXPECT_FALSE(row({Verdict::rule_broken}, {Verdict::inconclusive}).is_shown());
    EXPECT_FALSE(row({Verdict::rule_broken}, {}).is_shown());
    EXPECT_FALSE(row({}, {Verdict::held}).is_shown());
}

TEST(KnownBugs, TheExitStatusTellsWhetherAllAreShown) {
    const BugRow good = row({Verdict::rule_broken}, {Verdict::held});
    EXPECT_EQ(status_of({good}), kExitGood);
    EXPECT_EQ(status_of({good, row({Verdict::held}, {Verdict::held})}), kExitNotAsExpected);
    EXPECT_EQ(status_of({good, row({Verdict::rig_fault}, {Verdict::held})}), kExitRigFault);
    EXPECT_EQ(status_of({row({}, {})}), kExitNothingRun);
    EXPECT_EQ(status_of({good}, true), kExitInterrupted);
}

TEST(KnownBugs, ARowIsDoneIfBothSidesWerePlayedOrCannotBe) {
    BugRow one = row({Verdict::rule_broken}, {});
    EXPECT_FALSE(one.is_done());
    one.innocent.not_played = "this kernel has no lru_gen";
    EXPECT_TRUE(one.is_done());
}

TEST(KnownBugs, TheShippedOnesAreListedWithTheReasonsOfTheOthers) {
    const auto bugs = known_bugs({});
    ASSERT_TRUE(bugs) << bugs.error().line();
    EXPECT_FALSE(bugs->rows.empty());
    for (const auto& bug : bugs->unshown) EXPECT_NE(bug.reason, "");
    KnownBugsSpec spec;
    spec.kernels = {"debian-7.2-amd64"};
    const auto some = known_bugs(spec);
    ASSERT_TRUE(some) << some.error().line();
    for (const auto& one : some->rows) EXPECT_EQ(one.guilty.side.kernel, "debian-7.2-amd64");
}

TEST(KnownBugs, AJournalOfSomethingElseAndADamagedOneAreRefused) {
    const auto directory = *TemporaryDirectory::make("memrig-known");
    KnownBugsSpec spec;
    spec.bugs = {"known/node-kept"};
    spec.out = directory.path();
    spec.resume = true;
    const auto resumed = [&](const std::string& text) {
        EXPECT_TRUE(write_file(directory.path() / "known.jsonl", text));
        FakeProgress progress;
        const auto played = play_known_bugs(spec, {}, progress);
        return played ? std::string() : played.error().line();
    };
    EXPECT_THAT(resumed("memrig known known/node-kept\n"), testing::HasSubstr("other bugs, trials, seed"));
}

TEST(KnownBugs, AnUnknownKernelOrAScenarioOfNoBugIsTheUsersMistake) {
    KnownBugsSpec spec;
    spec.kernels = {"debian-5-amd64"};
    EXPECT_EQ(known_bugs(spec).error().fault, Fault::user_input);
    spec = {};
    spec.bugs = {"validate/offline"};
    const auto bugs = known_bugs(spec);
    ASSERT_FALSE(bugs);
    EXPECT_NE(bugs.error().message.find("no table [bug]"), std::string::npos);
}

TEST(UnshownBugs, EachMistakeIsTold) {
    TomlDocument document =
        TomlDocument::parse("schema = 1\n[[bug]]\ncommit = \"x\"\nsubject = \"s\"\nyear = 2018\n", "bugs.toml");
    (void)parse_unshown_bugs(document);
    ASSERT_EQ(document.diagnostics().size(), 2u);
    EXPECT_EQ(document.diagnostics()[0].message, "\"x\" is no commit");
}

}  // namespace
}  // namespace memrig
