#include "campaign/limits.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "base/text.h"
#include "oracle/checks.h"

namespace memrig {

namespace {

// Rules are "R4" and "N2"; oracles are words.
bool is_rule(const std::string& check) {
    return check.size() > 1 && (check[0] == 'R' || check[0] == 'N') && check[1] >= '0' && check[1] <= '9';
}

std::vector<std::string> checks_in(const std::string& stored) {
    std::vector<std::string> names;
    if (stored.empty()) return names;
    const auto json = nlohmann::json::parse(stored, nullptr, false);
    if (!json.is_object()) return names;
    for (const auto& [name, count] : json.items()) names.push_back(one_line(name));
    return names;
}

bool expects_conviction(const StoredResult& result) {
    const std::string& list = result.setting.expected;
    for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find(", ", at), list.size());
        if (convicts(std::string_view(list).substr(at, end - at))) return true;
        at = end + 2;
    }
    return false;
}

class LimitsCounter {
public:
    LimitsCounter(const CampaignRecord& record, const CampaignSummary& summary) : record_(record), summary_(summary) {
        for (const auto& name : check_names()) uses_[name].check = name;
    }

    Limits count() {
        for (std::size_t i = 0; i < record_.results.size(); i++) add(record_.results[i], summary_.known_results[i]);
        for (const auto& cell : summary_.cells)
            if (!cell.gaps.empty()) {
                auto& gaps = limits_.gaps[cell.progress.cell.shown_kernel()];
                gaps.insert(cell.gaps.begin(), cell.gaps.end());
            }
        for (const auto& [kernel, exercised] : exercised_)
            for (const auto& [name, use] : uses_)
                if (is_rule(name) && !exercised.contains(name)) limits_.not_exercised[kernel].push_back(name);
        for (auto& [name, use] : uses_) limits_.checks.push_back(std::move(use));
        std::ranges::stable_partition(limits_.checks, [](const CheckUse& one) { return is_rule(one.check); });
        limits_.convictions = occurrence(convictions_, controls_, 0);
        limits_.misses = occurrence(misses_, mutants_, 0);
        return std::move(limits_);
    }

private:
    void add(const StoredResult& result, bool is_known) {
        const CellSummary& cell = summary_.cells[result.trial.cell];
        const bool is_control = cell.is_control();
        for (const auto& check : checks_in(result.checks)) {
            limits_.has_checks = true;
            CheckUse& use = uses_[check];
            use.check = check;
            use.trials++;
            use.mutant_trials += !is_control;
            exercised_[cell.progress.cell.shown_kernel()].insert(check);
        }
        std::set<std::string> convicted;
        if (result.findings != "[]")
            for (const auto& finding : parse_findings(result.findings))
                if (convicts(finding.verdict)) convicted.insert(check_of(finding));
        for (const auto& check : convicted) {
            uses_[check].check = check;
            (is_control ? uses_[check].convicted_controls : uses_[check].convicted_mutants)++;
        }
        const std::string& mode = result.setting.mode;
        if (result.verdict == to_string(Verdict::rig_fault) || (!mode.empty() && mode != "directed")) return;
        if (is_control) {
            if (result.verdict == to_string(Verdict::inconclusive)) return;  // it could not have convicted
            controls_++;
            convictions_ += convicts(result.verdict) && !result.as_expected && !is_known;
        } else if (expects_conviction(result)) {
            mutants_++;
            misses_ += !convicts(result.verdict);
        }
    }

    const CampaignRecord& record_;
    const CampaignSummary& summary_;
    Limits limits_;
    std::map<std::string, CheckUse> uses_;
    std::map<std::string, std::set<std::string>> exercised_;  // by kernel
    std::uint64_t controls_ = 0, convictions_ = 0, mutants_ = 0, misses_ = 0;
};

std::string bound_text(const Occurrence& seen) {
    return fmt::format("{} of {}, so the rate is at most {:.1f}% (95% interval)", seen.seen,
                       counted(seen.trials, "trial"), 100 * seen.interval.high);
}

}  // namespace

Limits limits_of(const CampaignRecord& record, const CampaignSummary& summary) {
    MEMRIG_ASSERT(summary.known_results.size() == record.results.size(), "the summary is of the same record");
    return LimitsCounter(record, summary).count();
}

std::vector<std::string> limits_lines(const Limits& limits) {
    std::vector<std::string> lines;
    lines.push_back(
        limits.convictions.trials == 0
            ? "False convictions: no control was played by its schedule and came to a verdict, so nothing bounds them."
            : fmt::format("False convictions: controls were convicted in {}.", bound_text(limits.convictions)));
    lines.push_back(limits.misses.trials == 0
                        ? "Misses: no mutant was played by its schedule, so nothing bounds them."
                        : fmt::format("Misses: mutants were not convicted in {}.", bound_text(limits.misses)));
    if (!limits.has_checks) {
        lines.emplace_back("Checks: the results do not have them; an older memrig did not store them.");
    } else {
        std::vector<std::string> blind;
        for (const auto& use : limits.checks)
            if (use.is_blind()) blind.push_back(fmt::format("{} ({})", use.check, counted(use.trials, "trial")));
        if (!blind.empty())
            lines.push_back(fmt::format("Made, but never seen to convict a mutant: {}.", fmt::join(blind, ", ")));
        for (const auto& [kernel, rules] : limits.not_exercised)
            lines.push_back(fmt::format("Not put to the test on {}: {}.", one_line(kernel), fmt::join(rules, ", ")));
    }
    for (const auto& [kernel, gaps] : limits.gaps)
        for (const auto& gap : gaps)
            lines.push_back(fmt::format("Not checked on {}: {}.", one_line(kernel), one_line(gap)));
    return lines;
}

}  // namespace memrig
