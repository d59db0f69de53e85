// Estimates an event's rate from trials, with an interval, and how many trials it takes to see the event again. Pure
// functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace memrig {

struct Interval {
    double low = 0, high = 1;
};

// The 95% score interval (Wilson 1927) for the rate behind `seen` of `trials`. It is sound for few trials and for rates
// near 0 and 1, where the textbook's interval is empty: if none of n trials showed the event, its rate may still be
// z²/(n + z²), about 3.8/n. Without trials the interval is 0 to 1. REQUIRES: `seen` is at most `trials`.
Interval wilson_interval(std::uint64_t seen, std::uint64_t trials);

// The number of trials that show an event of this rate at least once, with this confidence:
// ceil(ln(1 - confidence) / ln(1 - rate)). Nothing if the rate is 0, or if the number does not fit into 64 bits.
// REQUIRES: 0 < confidence < 1.
std::optional<std::uint64_t> trials_to_see(double rate, double confidence = 0.99);

// The frequency of an event that `seen` of `trials` showed, and what follows from it.
struct Occurrence {
    std::uint64_t seen = 0, trials = 0;
    double rate = 0;  // 0 if there are no trials
    Interval interval;
    // Trials that show the event with 99% confidence, at the rate and at the interval's bounds; see trials_to_see().
    std::optional<std::uint64_t> to_see, to_see_at_least, to_see_at_most;
    // The mean until the event is first seen. Nothing if it was not seen; no seconds if a trial's time is unknown.
    std::optional<double> trials_to_first, seconds_to_first;
};
// `trial_seconds`: the time of one trial; 0 if unknown.
Occurrence occurrence(std::uint64_t seen, std::uint64_t trials, double trial_seconds);

// One of:
//   "seen in 7 of 60 trials: 11.7% (95% interval 5.8% to 22.2%); 38 trials show it with 99% confidence (19 to 78 by the
//    interval); 1 in 4.20 s"
//   "not seen in 60 trials: at most 6.0% (95% interval); ..."
//   "no trials"
std::string occurrence_text(const Occurrence& occurrence);

}  // namespace memrig
