// What is told of a run while it goes on: a line for each trial, and a progress line.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/text.h"
#include "run/results.h"

namespace memrig {

// How a run stands.
class Progress {
public:
    explicit Progress(const Clock& clock) : clock_(clock) {}
    void planned(unsigned trials) { planned_ = trials; }
    void trial_done(const TrialResult& trial);

    [[nodiscard]] unsigned done() const { return done_; }
    [[nodiscard]] unsigned trials_planned() const { return planned_; }
    // Trials a second, from the latest ones, so that what a boot took does not weigh on it. Nothing before two were done.
    [[nodiscard]] std::optional<double> rate() const;
    // "57/200  56 as expected, 1 not  1.6 trials/s  1 min 28 s left  booting …", at most `width` columns. `busy_with` is what
    // goes on besides, or empty.
    [[nodiscard]] std::string line(const std::string& busy_with, std::size_t width) const;

private:
    const Clock& clock_;
    unsigned planned_ = 0, done_ = 0, unexpected_ = 0;
    std::deque<SteadyTime> latest_;
};

// "  7/200  race/acpi-dimm-online control #4: held  0.61 s  onliner.attribute=state  reason". `where` names the arm as far as it
// is not the same throughout the run.
std::string trial_line(const Progress& progress, const std::string& where, const TrialResult& trial,
                       const Paint& paint);

}  // namespace memrig
