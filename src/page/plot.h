// Draws plots over nights: rates with their intervals, and times.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "page/html.h"

namespace memrig {

// The value of one night.
struct PlotPoint {
    std::string when;  // a short label below the axis
    double value = 0;
    std::optional<Interval> interval;  // for a rate
    std::string words;                 // "7 of 8 as expected (52.9% to 97.8%)"
};

enum class PlotScale {
    rate,    // 0 to 1, drawn as percent
    seconds  // from 0 on
};

// Adds a plot of `points`, oldest first. A night without a value is a gap. Only the newest most_plot_points are drawn.
inline constexpr std::size_t most_plot_points = 40;
void add_plot(Element& parent, const std::string& name, PlotScale scale,
              const std::vector<std::optional<PlotPoint>>& points);

}  // namespace memrig
