// Maps the moments of a drawing to places on its time axis. Moments of interest are kept apart and long times between
// them are shortened, so that the order of events within a millisecond can be read next to a wait of seconds.
#pragma once

#include <vector>

namespace memrig {

class TimeAxis {
public:
    // `moments` holds at least one moment, in milliseconds, in any order. The axis begins at 0. Its width grows with
    // the number and the distances of the moments, from `least` to `most` units.
    TimeAxis(std::vector<double> moments, double least, double most);

    [[nodiscard]] double width() const { return width_; }
    // The place of a moment. Never decreases with `ms`; 0 before the first moment, width() after the last.
    [[nodiscard]] double at(double ms) const;
    // Chooses moments for ticks, first to last, no two of them closer than `apart` units.
    [[nodiscard]] std::vector<double> ticks(double apart) const;

private:
    std::vector<double> moments_, places_;
    double width_ = 0;
};

}  // namespace memrig
