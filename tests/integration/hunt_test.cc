// A hunt on a real guest: a kernel as shipped holds, a kernel without a lock is convicted by a case that is shrunk and
// comes again, and an interrupted hunt goes on.
#include "campaign/hunt.h"

#include <gtest/gtest.h>

#include "base/exit_status.h"
#include "base/file.h"
#include "integration/one_trial.h"

namespace memrig {
namespace {

class HuntOnAGuest : public ::testing::Test {
protected:
    [[nodiscard]] HuntSpec spec(const char* name) const {
        HuntSpec spec;
        spec.seed = 1;
        spec.most = 4;
        spec.benches = {"q35-many"};
        spec.run.kernels = {"debian-6.12-amd64"};
        spec.run.out = directory.path() / name;
        return spec;
    }

    std::unique_ptr<Host> backend = make_qemu_backend();
    test::QuietObserver observer;
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-hunt"));
};

TEST_F(HuntOnAGuest, AKernelAsShippedHoldsAndAnInterruptedHuntGoesOn) {
    const auto hunt = run_hunt(spec("stock"), {backend.get()}, observer);
    ASSERT_TRUE(hunt) << hunt.error().line();
    ASSERT_EQ(hunt->cases.size(), 4u);
    for (const auto& one : hunt->cases) {
        EXPECT_EQ(one.not_played, "");
        EXPECT_EQ(one.trial.verdict, Verdict::held) << one.trial.reason;
    }
    EXPECT_GT(hunt->coverage.size(), 10u);
    EXPECT_EQ(hunt->exit_status(), kExitGood);

    HuntSpec more = spec("stock");
    more.resume = true;
    more.most = 5;
    more.seed = seed_of_hunt(more.run.out).value_or(0);
    const auto again = run_hunt(more, {backend.get()}, observer);
    ASSERT_TRUE(again) << again.error().line();
    ASSERT_EQ(again->cases.size(), 5u);
    EXPECT_EQ(again->cases.front().trial.directory, hunt->cases.front().trial.directory);
    EXPECT_GE(again->coverage.size(), hunt->coverage.size());

    more.seed = 2;
    EXPECT_EQ(run_hunt(more, {backend.get()}, observer).error().fault, Fault::user_input);
}

TEST_F(HuntOnAGuest, AShardPlaysItsOwnCasesAndAnInterruptedOneGoesOnWithTheSame) {
    HuntSpec second = spec("second");
    second.run.portion = {Portion::Kind::shard, {2, 2}};
    const auto hunt = run_hunt(second, {backend.get()}, observer);
    ASSERT_TRUE(hunt) << hunt.error().line();
    ASSERT_EQ(hunt->cases.size(), 2u);
    EXPECT_EQ(hunt->cases.front().one.number, 3u);

    // An end between the two trials would have left this.
    const auto text = read_file(second.run.out / "hunt.jsonl");
    ASSERT_TRUE(text);
    const auto cut = text->substr(0, text->find('\n', text->find('\n') + 1) + 1);
    ASSERT_TRUE(write_file(second.run.out / "hunt.jsonl", cut));
    second.resume = true;
    const auto again = run_hunt(second, {backend.get()}, observer);
    ASSERT_TRUE(again) << again.error().line();
    ASSERT_EQ(again->cases.size(), 2u);
    for (std::size_t i = 0; i < 2; i++)
        EXPECT_EQ(scenario_text(again->cases[i].one, ""), scenario_text(hunt->cases[i].one, ""));
    EXPECT_NE(again->cases[1].trial.directory, hunt->cases[1].trial.directory) << "it was played again";

    second.run.portion = {Portion::Kind::nothing, {}};
    const auto read = run_hunt(second, {backend.get()}, observer);
    ASSERT_TRUE(read) << read.error().line();
    EXPECT_EQ(read->cases.size(), 2u);
    EXPECT_EQ(read->coverage, again->coverage);
}

TEST_F(HuntOnAGuest, AChangedKernelIsFoundAndTheFindingShrinksAndComesAgain) {
    HuntSpec changed = spec("changed");
    changed.most = 1;
    changed.scenario = "race/acpi-dimm-online";
    changed.arm = "mutant";
    const auto hunt = run_hunt(changed, {backend.get()}, observer);
    ASSERT_TRUE(hunt) << hunt.error().line();
    ASSERT_EQ(hunt->findings.size(), 1u);
    const HuntFinding& finding = hunt->findings.front();
    EXPECT_EQ(finding.verdict, Verdict::rule_broken);
    EXPECT_EQ(finding.smallest.racers.size(), 2u);
    EXPECT_EQ(finding.again, finding.of);
    EXPECT_GT(finding.of, 0u);
    EXPECT_TRUE(load_scenario((changed.run.out / finding.file).string()));
    EXPECT_EQ(hunt->exit_status(), kExitNotAsExpected);
}

}  // namespace
}  // namespace memrig
