#include "report/progress.h"

#include <fmt/format.h>

#include "report/summary.h"

namespace memrig {

namespace {
constexpr std::size_t kRateWindow = 30;
}  // namespace

void Progress::trial_done(const TrialResult& trial) {
    done_++;
    if (!good(trial)) unexpected_++;
    latest_.push_back(clock_.now());
    if (latest_.size() > kRateWindow) latest_.pop_front();
}

std::optional<double> Progress::rate() const {
    if (latest_.size() < 2) return {};
    const double span = seconds(latest_.back() - latest_.front());
    if (span <= 0) return {};
    return static_cast<double>(latest_.size() - 1) / span;
}

std::string Progress::line(const std::string& busy_with, std::size_t width) const {
    std::string text = planned_ > 0 ? fmt::format("{}/{}", done_, planned_) : "";
    if (done_ > 0) text += fmt::format("  {} as expected", done_ - unexpected_);
    if (unexpected_ > 0) text += fmt::format(", {} not", unexpected_);
    if (const auto per_second = rate()) {
        text += *per_second >= 1 ? fmt::format("  {:.1f} trials/s", *per_second)
                                 : fmt::format("  {:.1f} s a trial", 1 / *per_second);
        // Below 10 s, prints whole seconds: more digits of an estimate would be noise.
        const double left = (planned_ - done_) / *per_second;
        if (planned_ > done_)
            text += fmt::format("  {} left", left < 10 ? fmt::format("{:.0f} s", left) : short_time(left));
    }
    if (!busy_with.empty()) text += (text.empty() ? "" : "  ") + one_line(busy_with) + " …";
    return cut(text, width);
}

std::string trial_line(const Progress& progress, const std::string& where, const TrialResult& trial, const Paint& paint,
                       std::size_t width) {
    const std::string planned = fmt::format("{}", progress.trials_planned());
    const std::string verdict = to_string(trial.verdict);
    const std::string begin =
        fmt::format("{:>{}}/{}  {} #{}: ", progress.done(), planned.size(), planned, one_line(where), trial.number);
    std::string rest = fmt::format("{}  {}", good(trial) ? "" : ", not expected", short_time(trial.verdict_seconds));
    for (const auto& [key, value] : trial.choices) rest += fmt::format("  {}={}", one_line(key), one_line(value));
    if (!trial.reason.empty()) rest += "  " + one_line(trial.reason);
    const std::size_t used = columns(begin) + columns(verdict);
    return begin + (good(trial) ? paint.good(verdict) : paint.bad(verdict)) +
           cut(rest, width > used ? width - used : 0);
}

}  // namespace memrig
