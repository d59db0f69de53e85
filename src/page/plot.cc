#include "page/plot.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace memrig {

namespace {

constexpr double kPlotWidth = 330, kPlotHeight = 150, kPlotLeft = 48, kPlotRight = 10, kPlotTop = 10, kPlotBottom = 24;

// Returns the smallest of 1, 2, 5, 10, 20, ... that is not below `value`.
double round_up(double value) {
    if (!(value > 0)) return 1;
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0})
        if (step * power >= value) return step * power;
    return 10 * power;
}

std::string label(PlotScale scale, double value) {
    return scale == PlotScale::rate ? fmt::format("{:.0f}%", 100 * value) : fmt::format("{:.3g} s", value);
}

class Plot {
public:
    Plot(Element& parent, const std::string& name, PlotScale scale, std::vector<std::optional<PlotPoint>> points)
        : points_(std::move(points)), svg_(add_drawing(parent, kPlotWidth, kPlotHeight, name)) {
        svg_.css("plot");
        if (scale == PlotScale::seconds) {
            double most = 0;
            for (const auto& point : points_)
                if (point) most = std::max(most, point->value);
            top_ = round_up(most);
        }
        for (const double share : {0.0, 0.5, 1.0}) {
            const double at = y(share * top_);
            svg_.add("line")
                .css("grid")
                .set("x1", kPlotLeft)
                .set("x2", kPlotWidth - kPlotRight)
                .set("y1", at)
                .set("y2", at);
            svg_.add("text", label(scale, share * top_))
                .set("x", kPlotLeft - 5)
                .set("y", at + 4)
                .set("text-anchor", "end");
        }
        name_ends();
        line();
        for (std::size_t i = 0; i < points_.size(); i++)
            if (points_[i]) draw(*points_[i], x(i));
    }

private:
    [[nodiscard]] double x(std::size_t i) const {
        const double room = kPlotWidth - kPlotLeft - kPlotRight - 20;
        if (points_.size() < 2) return kPlotLeft + 10 + room / 2;
        return kPlotLeft + 10 + room * static_cast<double>(i) / static_cast<double>(points_.size() - 1);
    }
    [[nodiscard]] double y(double value) const {
        return kPlotTop + (1 - std::clamp(value / top_, 0.0, 1.0)) * (kPlotHeight - kPlotTop - kPlotBottom);
    }
    // Labels the first and the last night; there is no room for more.
    void name_ends() {
        const auto named = [&](const auto& point, std::size_t i, const char* anchor) {
            if (point)
                svg_.add("text", cut(one_line(point->when), 16))
                    .set("x", x(i))
                    .set("y", kPlotHeight - 6)
                    .set("text-anchor", anchor);
        };
        if (points_.size() == 1) return named(points_.front(), 0, "middle");
        named(points_.front(), 0, "start");
        named(points_.back(), points_.size() - 1, "end");
    }
    void line() {
        std::string path;
        bool pen = false;
        for (std::size_t i = 0; i < points_.size(); i++) {
            if (points_[i]) path += fmt::format("{}{:.1f} {:.1f}", pen ? "L" : "M", x(i), y(points_[i]->value));
            pen = points_[i].has_value();
        }
        if (!path.empty()) svg_.add("path").css("course").set("d", path);
    }
    void draw(const PlotPoint& point, double at) {
        Element group = svg_.add("g");
        group.add("title", fmt::format("{}: {}", point.when, point.words));
        if (point.interval) {
            const double low = y(point.interval->low), high = y(point.interval->high);
            group.add("path")
                .css("interval")
                .set("d", fmt::format("M{0:.1f} {1:.1f}V{2:.1f}m-4 0h8M{3:.1f} {1:.1f}h8", at, low, high, at - 4));
        }
        group.add("circle").set("cx", at).set("cy", y(point.value)).set("r", 3.5);
    }

    std::vector<std::optional<PlotPoint>> points_;
    Element svg_;
    double top_ = 1;
};

}  // namespace

void add_plot(Element& parent, const std::string& name, PlotScale scale,
              const std::vector<std::optional<PlotPoint>>& points) {
    const std::size_t shown = std::min(points.size(), most_plot_points);
    if (shown == 0) return;
    Element figure = parent.add("figure");
    Plot(figure, name, scale, {points.end() - static_cast<std::ptrdiff_t>(shown), points.end()});
    figure.add("figcaption", name);
}

}  // namespace memrig
