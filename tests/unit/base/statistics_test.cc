// Against published values: Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
// Medicine 17 (1998), table I, method 3; sample sizes by Wilks (1941): 59 for 95%/95%, 459 for 99%/99%.
#include "base/statistics.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

struct Published {
    std::uint64_t seen, trials;
    double low, high;
};

TEST(Wilson, NewcombesTable) {
    for (const auto& row : {Published{81, 263, 0.2553, 0.3662}, Published{15, 148, 0.0624, 0.1605},
                            Published{0, 20, 0.0000, 0.1611}, Published{1, 29, 0.0061, 0.1718}}) {
        const Interval interval = wilson_interval(row.seen, row.trials);
        EXPECT_NEAR(interval.low, row.low, 0.00005) << row.seen << " of " << row.trials;
        EXPECT_NEAR(interval.high, row.high, 0.00005) << row.seen << " of " << row.trials;
    }
}

TEST(Wilson, TheEndsAreExactAndTheMirrorImage) {
    for (const std::uint64_t n : {1, 2, 7, 60, 1000000}) {
        const Interval none = wilson_interval(0, n), all = wilson_interval(n, n);
        EXPECT_EQ(none.low, 0);
        EXPECT_EQ(all.high, 1);
        EXPECT_NEAR(none.high, 3.841459 / (static_cast<double>(n) + 3.841459), 1e-6);
        EXPECT_NEAR(none.high, 1 - all.low, 1e-12);
    }
}

TEST(Wilson, NoTrialsAllowForEverything) {
    const Interval interval = wilson_interval(0, 0);
    EXPECT_EQ(interval.low, 0);
    EXPECT_EQ(interval.high, 1);
}

TEST(Wilson, TheIntervalHasTheRateInIt) {
    for (std::uint64_t n = 1; n <= 50; n++)
        for (std::uint64_t k = 0; k <= n; k++) {
            const Interval interval = wilson_interval(k, n);
            const double rate = static_cast<double>(k) / static_cast<double>(n);
            EXPECT_LE(interval.low, rate);
            EXPECT_GE(interval.high, rate);
        }
}

TEST(TrialsToSee, WilksAndOthers) {
    EXPECT_EQ(trials_to_see(0.05, 0.95), 59u);
    EXPECT_EQ(trials_to_see(0.01, 0.99), 459u);
    EXPECT_EQ(trials_to_see(0.5), 7u);
    EXPECT_EQ(trials_to_see(0.1), 44u);
}

TEST(TrialsToSee, AWholeNumberIsNotRoundedUp) {
    EXPECT_EQ(trials_to_see(0.99), 1u);
    EXPECT_EQ(trials_to_see(0.9), 2u);
    EXPECT_EQ(trials_to_see(0.5, 0.75), 2u);
}

TEST(TrialsToSee, TheEnds) {
    EXPECT_EQ(trials_to_see(0), std::nullopt);
    EXPECT_EQ(trials_to_see(-1), std::nullopt);
    EXPECT_EQ(trials_to_see(1), 1u);
    EXPECT_EQ(trials_to_see(1e-300), std::nullopt);
    EXPECT_EQ(trials_to_see(1e-9), 4605170184u);
}

TEST(OccurrenceOf, SomeOfThem) {
    const Occurrence seven = occurrence(7, 60, 0.49);
    EXPECT_EQ(seven.to_see, 38u);
    EXPECT_GT(*seven.to_see_at_most, *seven.to_see);
    EXPECT_LT(*seven.to_see_at_least, *seven.to_see);
    EXPECT_NEAR(*seven.trials_to_first, 60.0 / 7, 1e-12);
    EXPECT_NEAR(*seven.seconds_to_first, 4.2, 1e-12);
    EXPECT_EQ(
        occurrence_text(seven),
        "seen in 7 of 60 trials: 11.7% (95% interval 5.8% to 22.2%); 38 trials show it with 99% confidence (19 to 78 "
        "by the interval); 1 in 4.20 s");
}

TEST(OccurrenceOf, None) {
    const Occurrence none = occurrence(0, 60, 0.5);
    EXPECT_EQ(none.to_see, std::nullopt);
    EXPECT_EQ(none.to_see_at_most, std::nullopt);
    EXPECT_EQ(none.trials_to_first, std::nullopt);
    EXPECT_EQ(none.seconds_to_first, std::nullopt);
    EXPECT_EQ(occurrence_text(none),
              "not seen in 60 trials: at most 6.0% (95% interval); at that rate, 75 trials would show it with 99% "
              "confidence");
}

TEST(OccurrenceOf, All) {
    EXPECT_EQ(
        occurrence_text(occurrence(60, 60, 0.5)),
        "seen in 60 of 60 trials: 100.0% (95% interval 94.0% to 100.0%); 1 trial shows it with 99% confidence (1 to 2 "
        "by the interval); 1 in 0.50 s");
    EXPECT_EQ(
        occurrence_text(occurrence(1, 1, 0)),
        "seen in 1 of 1 trial: 100.0% (95% interval 20.7% to 100.0%); 1 trial shows it with 99% confidence (1 to 20 by "
        "the interval)");
}

TEST(OccurrenceOf, NoTrials) {
    const Occurrence nothing = occurrence(0, 0, 1);
    EXPECT_EQ(nothing.to_see_at_least, std::nullopt);
    EXPECT_EQ(occurrence_text(nothing), "no trials");
}

TEST(OccurrenceOf, RareOnesAreNotRoundedAway) {
    const std::string rare = occurrence_text(occurrence(1, 1000000, 0));
    EXPECT_NE(rare.find(": 0.0001% (95% interval 2e-05% to 0.0006%)"), std::string::npos) << rare;
    const std::string often = occurrence_text(occurrence(999999, 1000000, 0));
    EXPECT_NE(often.find(": >99.9% (95% interval >99.9% to >99.9%)"), std::string::npos) << often;
}

}  // namespace
}  // namespace memrig
