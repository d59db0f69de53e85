// The section of a page that says what the results do not show.
#include <fmt/format.h>

#include "base/text.h"
#include "campaign/limits.h"
#include "page/parts.h"

namespace memrig::page {

namespace {

constexpr std::size_t kMostLimits = 60, kMostChecks = 60;

const char* css_of(const CheckUse& use) {
    if (use.trials == 0) return "none";
    return use.is_blind() ? "bad" : "good";
}

}  // namespace

void add_limits(Element& parent, const LoadedCampaign& now) {
    const Limits limits = limits_of(now.record, now.night);
    Element section = add_section(parent, "limits", "Limits");
    section.add("p", "What these results do not show:");
    Element list = section.add("ul");
    const auto lines = limits_lines(limits);
    for (std::size_t i = 0; i < std::min(lines.size(), kMostLimits); i++) list.add("li", bounded(lines[i]));
    add_left_out(section, lines.size() - std::min(lines.size(), kMostLimits), "more limit");
    if (!limits.has_checks) return;
    Element rows =
        add_table(section, "Each check: how often it was made, and how often it convicted",
                  {"check", "trials with it", "of these, of mutants", "mutants convicted", "controls convicted"});
    for (std::size_t i = 0; i < std::min(limits.checks.size(), kMostChecks); i++) {
        const CheckUse& use = limits.checks[i];
        Element row = rows.add("tr");
        row.add("th", bounded(use.check, 40)).set("scope", "row");
        row.add("td", fmt::format("{}", use.trials)).css("number");
        row.add("td", fmt::format("{}", use.mutant_trials)).css("number");
        const char* sign = use.trials == 0 ? "–" : use.is_blind() ? "✗" : "✓";
        row.add("td")
            .add("span", fmt::format("{} {}", sign, use.convicted_mutants))
            .css(std::string("chip ") + css_of(use));
        row.add("td", fmt::format("{}", use.convicted_controls)).css("number");
    }
}

}  // namespace memrig::page
