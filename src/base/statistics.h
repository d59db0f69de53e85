// How often something was seen, how sure that is, and how many trials it takes to see it again. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace memrig {

struct Interval {
    double low = 0, high = 1;
};

// The 95% score interval (Wilson 1927) for the rate behind `seen` of `trials`. It is sound for few trials and for rates near 0 and 1,
// where the textbook's interval is empty: none of n seen still allows for z²/(n + z²), about 3.8/n. All of 0 to 1 where there are no
// trials. `seen` is at most `trials`.
Interval wilson_interval(std::uint64_t seen, std::uint64_t trials);

// How many trials show an event of that rate at least once with that confidence: ceil(ln(1 - confidence) / ln(1 - rate)).
// Nothing for a rate of 0, and where there is no such number of 64 bits. 0 < confidence < 1.
std::optional<std::uint64_t> trials_to_see(double rate, double confidence = 0.99);

// What is to be expected of an event seen in `seen` of `trials`.
struct Occurrence {
    std::uint64_t seen = 0, trials = 0;
    double rate = 0;  // 0 where there are no trials
    Interval interval;
    // Trials that show it with 99% confidence, at the rate and at the interval's bounds; nothing where no number does.
    std::optional<std::uint64_t> to_see, to_see_at_least, to_see_at_most;
    // The mean until the first; nothing where it was not seen, the seconds also where a trial's time is not known.
    std::optional<double> trials_to_first, seconds_to_first;
};
// `trial_seconds`: what one trial takes; 0 if it is not known.
Occurrence occurrence(std::uint64_t seen, std::uint64_t trials, double trial_seconds);

// "seen in 7 of 60 trials: 11.7% (95% interval 5.8% to 22.2%); 38 trials show it with 99% confidence (19 to 78 by the interval);
// 1 in 4.20 s". "not seen in 60 trials: at most 6.0% (95% interval); ...". "no trials".
std::string occurrence_text(const Occurrence& occurrence);

}  // namespace memrig
