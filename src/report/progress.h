// Prints the progress of a run: a line for each trial, and a progress line.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/table.h"
#include "base/text.h"
#include "run/results.h"

namespace memrig {

// The progress of a run. Not thread-safe.
class Progress {
public:
    explicit Progress(const Clock& clock) : clock_(clock) {}
    void planned(unsigned trials) { planned_ = trials; }
    void trial_done(const TrialResult& trial);

    [[nodiscard]] unsigned done() const { return done_; }
    [[nodiscard]] unsigned trials_planned() const { return planned_; }
    // The rate of the latest trials, in trials per second, so that the time of a boot does not count for long. Empty
    // until two trials are done.
    [[nodiscard]] std::optional<double> rate() const;
    // Makes "57/200  56 as expected, 1 not  1.6 trials/s  1 min 28 s left  booting …", at most `width` columns wide.
    // `busy_with` names another activity ("booting"); it may be empty.
    [[nodiscard]] std::string line(const std::string& busy_with, std::size_t width) const;

private:
    const Clock& clock_;
    unsigned planned_ = 0, done_ = 0, unexpected_ = 0;
    std::deque<SteadyTime> latest_;
};

// Makes "  7/200  race/acpi-dimm-online control #4: held  0.61 s  onliner.attribute=state  reason". `where` names the
// arm; it leaves out the parts that are the same throughout the run. The part behind the verdict is cut at `width`.
std::string trial_line(const Progress& progress, const std::string& where, const TrialResult& trial, const Paint& paint,
                       std::size_t width = kUnfolded);

}  // namespace memrig
