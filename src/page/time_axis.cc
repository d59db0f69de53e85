#include "page/time_axis.h"

#include <algorithm>
#include <cmath>

namespace memrig {

namespace {
constexpr double kUnitsPerWeight = 5;
// The share of a gap on the axis: one, plus the logarithm of its length.
double weight(double gap_ms) { return 1 + std::log2(1 + gap_ms / 0.05); }
}  // namespace

TimeAxis::TimeAxis(std::vector<double> moments, double least, double most) : moments_(std::move(moments)) {
    std::ranges::sort(moments_);
    moments_.erase(std::ranges::unique(moments_).begin(), moments_.end());
    double sum = 0;
    for (std::size_t i = 0; i < moments_.size(); i++) {
        if (i > 0) sum += weight(moments_[i] - moments_[i - 1]);
        places_.push_back(sum);
    }
    width_ = std::clamp(sum * kUnitsPerWeight, least, most);
    if (sum > 0)
        for (double& place : places_) place *= width_ / sum;
}

double TimeAxis::at(double ms) const {
    const auto after = std::ranges::upper_bound(moments_, ms);
    if (after == moments_.begin()) return 0;
    const auto i = static_cast<std::size_t>(after - moments_.begin());
    if (after == moments_.end()) return places_.back();
    const double share = (ms - moments_[i - 1]) / (moments_[i] - moments_[i - 1]);
    return places_[i - 1] + share * (places_[i] - places_[i - 1]);
}

std::vector<double> TimeAxis::ticks(double apart) const {
    std::vector<double> chosen;
    for (std::size_t i = 0; i < moments_.size(); i++)
        if (chosen.empty() || places_[i] - at(chosen.back()) >= apart) chosen.push_back(moments_[i]);
    return chosen;
}

}  // namespace memrig
