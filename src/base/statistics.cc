#include "base/statistics.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/text.h"

namespace memrig {

namespace {

constexpr double kZ = 1.959963984540054;  // 95% of the standard normal distribution lie between -kZ and kZ

// Does not round a rate above 0 to "0.0%", nor a rate below 1 to "100.0%".
std::string percent(double rate) {
    if (rate > 0 && rate < 0.0005) return fmt::format("{:.1g}%", rate * 100);
    if (rate < 1 && rate >= 0.9995) return ">99.9%";
    return fmt::format("{:.1f}%", rate * 100);
}

}  // namespace

Interval wilson_interval(std::uint64_t seen, std::uint64_t trials) {
    if (trials == 0) return {};
    const auto n = static_cast<double>(trials);
    const double rate = static_cast<double>(seen) / n;
    const double square = kZ * kZ;
    const double centre = (rate + square / (2 * n)) / (1 + square / n);
    const double half = kZ * std::sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / (1 + square / n);
    // Exact at both ends, where floating-point arithmetic would leave a small error.
    return {seen == 0 ? 0 : std::max(0.0, centre - half), seen == trials ? 1 : std::min(1.0, centre + half)};
}

std::optional<std::uint64_t> trials_to_see(double rate, double confidence) {
    MEMRIG_ASSERT(confidence > 0 && confidence < 1, "a confidence lies between 0 and 1");
    if (!(rate > 0)) return std::nullopt;
    if (rate >= 1) return 1;
    const double trials = std::log1p(-confidence) / std::log1p(-rate);
    if (!(trials < 1e18)) return std::nullopt;
    // The slack keeps ceil() from adding 1 to a whole number that floating-point arithmetic made slightly larger.
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(trials * (1 - 1e-12))));
}

Occurrence occurrence(std::uint64_t seen, std::uint64_t trials, double trial_seconds) {
    Occurrence made{seen, trials, 0, wilson_interval(seen, trials), {}, {}, {}, {}, {}};
    if (trials == 0) return made;
    made.rate = static_cast<double>(seen) / static_cast<double>(trials);
    made.to_see = trials_to_see(made.rate);
    made.to_see_at_least = trials_to_see(made.interval.high);
    made.to_see_at_most = trials_to_see(made.interval.low);
    if (seen == 0) return made;
    made.trials_to_first = 1 / made.rate;
    if (trial_seconds > 0) made.seconds_to_first = trial_seconds / made.rate;
    return made;
}

std::string occurrence_text(const Occurrence& of) {
    if (of.trials == 0) return "no trials";
    if (of.seen == 0) {
        std::string text = fmt::format("not seen in {}: at most {} (95% interval)", counted(of.trials, "trial"),
                                       percent(of.interval.high));
        if (of.to_see_at_least)
            text += fmt::format("; at that rate, {} would show it with 99% confidence",
                                counted(*of.to_see_at_least, "trial"));
        return text;
    }
    std::string text = fmt::format("seen in {} of {}: {} (95% interval {} to {})", of.seen, counted(of.trials, "trial"),
                                   percent(of.rate), percent(of.interval.low), percent(of.interval.high));
    if (of.to_see && of.to_see_at_least && of.to_see_at_most)
        text += fmt::format("; {} {} it with 99% confidence ({} to {} by the interval)", counted(*of.to_see, "trial"),
                            *of.to_see == 1 ? "shows" : "show", *of.to_see_at_least, *of.to_see_at_most);
    if (of.seconds_to_first) text += fmt::format("; 1 in {}", short_time(*of.seconds_to_first));
    return text;
}

}  // namespace memrig
