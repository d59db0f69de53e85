// The limits of a campaign: bounds, checks that were not made, and checks that never convicted a mutant.
#include "campaign/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/page/page_samples.h"

namespace memrig {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LimitsOf : public ::testing::Test {
protected:
    // Adds results whose trials made these checks.
    void results(std::size_t cell, unsigned n, Verdict verdict, bool good, const std::vector<Finding>& findings,
                 const std::string& checks) {
        for (unsigned i = 0; i < n; i++) {
            campaign_.result(cell, verdict, good, "told", findings);
            campaign_.last().checks = checks;
            campaign_.last().setting.expected = cell == mutant_ ? "oops, deadlock" : "held";
        }
    }
    [[nodiscard]] Limits limits() const {
        const LoadedCampaign made = campaign_.made();
        return limits_of(made.record, made.night);
    }
    [[nodiscard]] static CheckUse use_of(const Limits& limits, const std::string& check) {
        const auto found = std::ranges::find(limits.checks, check, &CheckUse::check);
        return found == limits.checks.end() ? CheckUse{} : *found;
    }

    samples::CampaignBuilder campaign_{"nowhere", "limits", "2026-11-22T23:00:00Z"};
    std::size_t control_ = campaign_.arm("race/a", "debian-6.1-amd64", "control", 40);
    std::size_t mutant_ = campaign_.arm("race/a", "debian-6.1-amd64", "mutant", 20);
};

Finding broken_rule(const std::string& rule) {
    return {
        "rules", Verdict::rule_broken, rule + ": adder entered f", {}, RuleKey{rule, "adder", "f", "without l", {}}};
}

TEST_F(LimitsOf, BoundFalseConvictionsAndMisses) {
    results(control_, 40, Verdict::held, true, {}, R"({"R1": 1})");
    results(mutant_, 19, Verdict::oops, true, {}, R"({"R1": 1})");
    results(mutant_, 1, Verdict::held, false, {}, R"({"R1": 1})");
    const Limits made = limits();
    EXPECT_EQ(made.convictions.seen, 0u);
    EXPECT_EQ(made.convictions.trials, 40u);
    EXPECT_NEAR(made.convictions.interval.high, 0.0876, 0.001);
    EXPECT_EQ(made.misses.seen, 1u);
    EXPECT_EQ(made.misses.trials, 20u);
    const auto lines = limits_lines(made);
    EXPECT_EQ(lines[0],
              "False convictions: controls were convicted in 0 of 40 trials, so the rate is at most 8.8% (95% "
              "interval).");
    EXPECT_THAT(lines[1], HasSubstr("Misses: mutants were not convicted in 1 of 20 trials"));
}

TEST_F(LimitsOf, AControlWithoutAVerdictBoundsNothing) {
    results(control_, 10, Verdict::held, true, {}, R"({"R1": 1})");
    results(control_, 30, Verdict::inconclusive, false, {}, R"({"R1": 1})");
    EXPECT_EQ(limits().convictions.trials, 10u);
}

TEST_F(LimitsOf, TellWhichChecksNeverConvictedAMutant) {
    results(control_, 2, Verdict::held, true, {}, R"({"R1": 3, "R4": 1, "crash": 1})");
    results(mutant_, 2, Verdict::rule_broken, true, {broken_rule("R1")}, R"({"R1": 1, "R4": 2, "crash": 1})");
    const Limits made = limits();
    EXPECT_TRUE(made.has_checks);
    EXPECT_EQ(use_of(made, "R1").trials, 4u);
    EXPECT_EQ(use_of(made, "R1").mutant_trials, 2u);
    EXPECT_EQ(use_of(made, "R1").convicted_mutants, 2u);
    EXPECT_FALSE(use_of(made, "R1").is_blind());
    EXPECT_TRUE(use_of(made, "R4").is_blind());
    EXPECT_TRUE(use_of(made, "crash").is_blind());
    EXPECT_EQ(use_of(made, "R7").trials, 0u);
    EXPECT_FALSE(use_of(made, "R7").is_blind()) << "it was not made at all";
    const auto lines = limits_lines(made);
    EXPECT_THAT(lines, Contains("Made, but never seen to convict a mutant: R4 (4 trials), crash (4 trials)."));
}

TEST_F(LimitsOf, NameTheRulesThatAKernelDidNotExercise) {
    const auto other = campaign_.arm("race/a", "/home/me/bzImage", "control", 1);
    results(control_, 1, Verdict::held, true, {}, R"({"R1": 1, "R2": 1, "R3": 1, "R4": 1, "R5": 1, "R6": 1, "R7": 1,
                                                      "R8": 1, "R9": 1, "R10": 1, "N1": 1, "N2": 1, "N3": 1, "N4": 1})");
    results(other, 1, Verdict::held, true, {}, R"({"R2": 1, "crash": 1})");
    const Limits made = limits();
    ASSERT_EQ(made.not_exercised.size(), 1u);
    EXPECT_EQ(made.not_exercised.begin()->first, "6.1.0-50-/home/me/bzImage") << "the release, as the sample has it";
    EXPECT_THAT(made.not_exercised.begin()->second, Contains("R1"));
    EXPECT_THAT(made.not_exercised.begin()->second, Not(Contains("R2")));
}

TEST_F(LimitsOf, HaveTheGapsOfEachKernel) {
    results(control_, 1, Verdict::held, true, {{kGapOracle, Verdict::held, "R4: f has no symbol", {}}}, R"({"R1": 1})");
    EXPECT_THAT(limits_lines(limits()), Contains("Not checked on debian-6.1-amd64: R4: f has no symbol."));
}

TEST_F(LimitsOf, AnOlderCampaignSayThatItHasNoChecks) {
    results(control_, 3, Verdict::held, true, {}, "");
    const Limits made = limits();
    EXPECT_FALSE(made.has_checks);
    EXPECT_THAT(made.not_exercised, IsEmpty());
    EXPECT_THAT(limits_lines(made), ElementsAre(HasSubstr("0 of 3 trials"), HasSubstr("no mutant was played"),
                                                HasSubstr("did not store them")));
}

TEST_F(LimitsOf, DoNotTrustTheStore) {
    for (const char* checks : {"7", "[1]", "{", "\"x\"", "{\"a\\nb\": \"c\"}"})
        results(control_, 1, Verdict::held, true, {}, checks);
    for (const auto& line : limits_lines(limits())) EXPECT_EQ(line.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace memrig
