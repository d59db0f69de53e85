#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "page/parts.h"
#include "page/plot.h"
#include "run/results.h"

namespace memrig::page {

namespace {

constexpr std::size_t kMostTrendArms = 24;

// The results of one arm, or of all arms together, in one night.
struct NightResults {
    std::string when;
    unsigned done = 0, as_expected = 0;
    std::vector<double> seconds;  // of its trials, without rig faults
};

// By the arm's key; "" stands for all arms together.
using Nights = std::map<std::string, NightResults>;

// Prints "2026-11-22T23:59:58Z" as "11-22 23:59".
std::string short_date(const std::string& when) {
    if (when.size() < 16) return bounded(when, 16);
    return bounded(when.substr(5, 5) + " " + when.substr(11, 5), 16);
}

Nights nights_of(const CampaignRecord& record) {
    Nights nights;
    for (const auto& result : record.results) {
        if (result.trial.cell >= record.cells.size()) continue;
        for (const auto& key : {std::string(), record.cells[result.trial.cell].cell.key()}) {
            NightResults& night = nights[key];
            night.when = short_date(record.started);
            night.done++;
            night.as_expected += result.as_expected;
            if (result.verdict != to_string(Verdict::rig_fault)) night.seconds.push_back(result.seconds);
        }
    }
    return nights;
}

double rate(const NightResults& night) { return static_cast<double>(night.as_expected) / night.done; }

std::optional<PlotPoint> rate_point(const NightResults* night) {
    if (night == nullptr || night->done == 0) return std::nullopt;
    return PlotPoint{night->when, rate(*night), wilson_interval(night->as_expected, night->done),
                     fmt::format("{} of {} as expected, {}", night->as_expected, night->done,
                                 rate_text(night->as_expected, night->done))};
}

std::optional<PlotPoint> time_point(const NightResults* night) {
    if (night == nullptr || night->seconds.empty()) return std::nullopt;
    const Spread spread = spread_of(night->seconds);
    return PlotPoint{night->when,
                     spread.median,
                     {},
                     fmt::format("median {}, 95th percentile {}", short_time(spread.median), short_time(spread.p95))};
}

const NightResults* results_of(const Nights& nights, const std::string& key) {
    const auto found = nights.find(key);
    return found == nights.end() ? nullptr : &found->second;
}

void add_plots(Element& parent, const std::vector<Nights>& all, const std::string& key) {
    Element plots = parent.add("div").css("plots");
    std::vector<std::optional<PlotPoint>> rates, times;
    for (const auto& nights : all) {
        rates.push_back(rate_point(results_of(nights, key)));
        times.push_back(time_point(results_of(nights, key)));
    }
    add_plot(plots, "Results as expected, with the 95% interval", PlotScale::rate, rates);
    add_plot(plots, "A trial's time, the median", PlotScale::seconds, times);
}

void add_table_of_nights(Element& parent, const LoadedCampaign& now, const std::vector<LoadedCampaign>& before,
                         const std::vector<Nights>& all) {
    Element rows = add_table(parent, "Campaigns, the oldest first",
                             {"begun", "campaign", "results", "as expected", "median time"});
    const std::size_t first = all.size() - std::min(all.size(), most_plot_points);
    for (std::size_t i = first; i < all.size(); i++) {
        const CampaignRecord& record = i < before.size() ? before[i].record : now.record;
        Element row = rows.add("tr");
        row.add("th", record.started.empty() ? "not known" : bounded(record.started, 40)).set("scope", "row");
        row.add("td", bounded(record.name, 60) + (i < before.size() ? "" : " (this one)"));
        const NightResults* night = results_of(all[i], "");
        row.add("td", fmt::format("{}", night == nullptr ? 0 : night->done)).css("number");
        row.add("td", night == nullptr ? "none" : rate_text(night->as_expected, night->done)).css("number");
        row.add("td", night == nullptr || night->seconds.empty() ? "" : short_time(spread_of(night->seconds).median))
            .css("number");
    }
    if (first > 0) parent.add("p", fmt::format("{} left out.", counted(first, "older campaign"))).css("left-out");
}

// Measures how much an arm changed since the night before: its rate first, then its time.
double moved(const std::vector<Nights>& all, const std::string& key) {
    const NightResults* last = results_of(all[all.size() - 1], key);
    const NightResults* previous = results_of(all[all.size() - 2], key);
    if (last == nullptr || previous == nullptr) return 0;
    const double rates = std::abs(rate(*last) - rate(*previous));
    const double one = spread_of(last->seconds).median, other = spread_of(previous->seconds).median;
    return rates * 1000 + (other > 0 ? std::abs(one / other - 1) : 0);
}

}  // namespace

void add_trend(Element& parent, const LoadedCampaign& now, const std::vector<LoadedCampaign>& before) {
    Element section = add_section(parent, "trend", "Trend");
    if (before.empty()) {
        Element line = section.add("p", "One campaign has no trend. Give earlier ones by ");
        line.add("code", "--before DIR");
        line.text(".");
        return;
    }
    std::vector<Nights> all;
    for (const auto& campaign : before) all.push_back(nights_of(campaign.record));
    all.push_back(nights_of(now.record));
    section.add("h3", "All arms");
    add_plots(section, all, "");
    add_table_of_nights(section, now, before, all);

    std::vector<std::string> keys;
    std::map<std::string, std::string> titles;
    for (const auto& cell : now.record.cells)
        if (results_of(all.back(), cell.cell.key()) != nullptr) {
            keys.push_back(cell.cell.key());
            titles[keys.back()] = cell.cell.title();
        }
    std::ranges::stable_sort(keys, std::greater(), [&](const std::string& key) { return moved(all, key); });
    section.add("h3", "Each arm");
    section.add("p", "The arms that changed most since the last campaign come first.");
    const std::size_t shown = std::min(keys.size(), kMostTrendArms);
    for (std::size_t i = 0; i < shown; i++) {
        Element details = add_details(section, bounded(titles[keys[i]], 200), i < 2);
        add_plots(details, all, keys[i]);
    }
    if (keys.size() > shown)
        section.add("p", fmt::format("{} left out.", counted(keys.size() - shown, "more arm"))).css("left-out");
}

}  // namespace memrig::page
