#include <gtest/gtest.h>

#include "report/progress.h"
#include "unit/support/report_samples.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

class HandClock : public Clock {
public:
    [[nodiscard]] SteadyTime now() const override { return now_; }
    void pass(Duration span) { now_ += span; }

private:
    SteadyTime now_{};
};

class ProgressTest : public testing::Test {
protected:
    void done(unsigned trials, Duration each, bool as_expected = true) {
        for (unsigned n = 0; n < trials; n++) {
            clock_.pass(each);
            progress_.trial_done(samples::trial(n + 1, Verdict::held, as_expected, ""));
        }
    }

    HandClock clock_;
    Progress progress_{clock_};
};

TEST_F(ProgressTest, NothingIsKnownAtFirst) {
    progress_.planned(200);
    EXPECT_EQ(progress_.line("", 80), "0/200");
    EXPECT_EQ(progress_.line("booting debian-6.1-amd64 on q35", 80), "0/200  booting debian-6.1-amd64 on q35 …");
    clock_.pass(8s);
    done(1, 1s);
    EXPECT_EQ(progress_.line("", 80), "1/200  1 as expected");
}

TEST_F(ProgressTest, RateIsThatOfTheLatestTrials) {
    progress_.planned(200);
    clock_.pass(100s);
    done(11, 500ms);
    EXPECT_EQ(progress_.line("", 80), "11/200  11 as expected  2.0 trials/s  1 min 35 s left");
    done(40, 4s);
    EXPECT_EQ(progress_.line("", 80), "51/200  51 as expected  4.0 s a trial  9 min 56 s left");
}

TEST_F(ProgressTest, TheUnexpectedIsCountedApart) {
    progress_.planned(4);
    done(2, 1s);
    done(2, 1s, false);
    EXPECT_EQ(progress_.line("", 80), "4/4  2 as expected, 2 not  1.0 trials/s");
}

TEST_F(ProgressTest, StaysWithinItsWidth) {
    progress_.planned(200);
    done(2, 1s);
    for (std::size_t width = 0; width < 90; width++) EXPECT_LE(columns(progress_.line("booting ünï", width)), width);
}

TEST_F(ProgressTest, TrialsDoneAtOnceHaveNoRate) {
    progress_.planned(2);
    done(2, 0s);
    EXPECT_FALSE(progress_.rate().has_value());
}

TEST_F(ProgressTest, TrialLines) {
    progress_.planned(200);
    done(7, 1s);
    const TrialResult held = samples::trial(4, Verdict::held, true, "refused by device_hotplug_lock");
    EXPECT_EQ(trial_line(progress_, "control", held, Paint(false)),
              "  7/200  control #4: held  0.64 s  onliner.attribute=online  refused by device_hotplug_lock");
    const TrialResult odd = samples::trial(5, Verdict::oops, false, "\x1b[2Joops\nin zone_for_pfn_range");
    EXPECT_EQ(trial_line(progress_, "control", odd, Paint(false)),
              "  7/200  control #5: oops, not expected  0.65 s  onliner.attribute=state  oops in zone_for_pfn_range");
    EXPECT_NE(trial_line(progress_, "control", odd, Paint(true)).find("\x1b[1;31moops\x1b[0m"), std::string::npos);
}

}  // namespace
}  // namespace memrig
