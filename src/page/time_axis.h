// Where a moment lies in a drawing. Moments of interest are kept apart, and long times between them are shortened, so that the order of what
// happened within a millisecond can be read beside a wait of seconds.
#pragma once

#include <vector>

namespace memrig {

class TimeAxis {
public:
    // `moments`: in any order, at least one. From 0 on, `width` is at least `least` and at most `most` units, by their number.
    TimeAxis(std::vector<double> moments, double least, double most);

    [[nodiscard]] double width() const { return width_; }
    // Never decreases with `ms`; 0 before the first moment, width() after the last.
    [[nodiscard]] double at(double ms) const;
    // Some of the moments, first to last, no two of them closer than `apart` units.
    [[nodiscard]] std::vector<double> ticks(double apart) const;

private:
    std::vector<double> moments_, places_;
    double width_ = 0;
};

}  // namespace memrig
