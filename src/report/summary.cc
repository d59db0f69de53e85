#include "report/summary.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace memrig {

bool good(const TrialResult& trial) { return trial.as_expected && trial.verdict != Verdict::rig_fault; }

bool good(const ArmResult& arm) {
    return arm.as_expected() && std::ranges::all_of(arm.trials, [](const TrialResult& trial) { return good(trial); });
}

namespace {

std::string name_with(const ArmResult& arm, const std::string& kernel) {
    return fmt::format("{} {} {} {}", one_line(arm.scenario), one_line(kernel), one_line(arm.bench), one_line(arm.arm));
}

}  // namespace

std::string arm_name(const ArmResult& arm) { return name_with(arm, arm.kernel); }

std::string arm_title(const ArmResult& arm) { return name_with(arm, arm.shown_kernel()); }

std::string verdict_list(const std::vector<Verdict>& verdicts) {
    std::string text;
    for (const Verdict verdict : verdicts) text += (text.empty() ? "" : " or ") + std::string(to_string(verdict));
    return text;
}

std::string verdict_counts_text(const std::map<Verdict, unsigned>& counts) {
    std::string text;
    for (const auto& [verdict, count] : counts)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(verdict), count);
    return text.empty() ? "none" : text;
}

std::string verdict_counts_text(const ArmResult& arm) {
    auto counts = arm.counts();
    const unsigned with_gaps = arm.held_with_gaps();
    if (with_gaps == 0) return verdict_counts_text(counts);
    if ((counts[Verdict::held] -= with_gaps) == 0) counts.erase(Verdict::held);
    const std::string others = counts.empty() ? "" : ", " + verdict_counts_text(counts);
    return fmt::format("{} {}{}", kHeldWithGaps, with_gaps, others);
}

ChoiceCounts counts_by_choice(const ArmResult& arm) {
    ChoiceCounts counts;
    for (const auto& trial : arm.trials)
        for (const auto& [key, value] : trial.choices) counts[key][value][trial.verdict]++;
    return counts;
}

Occurrence free_occurrence(const ArmResult& arm) {
    const auto times = times_of(arm, &TrialResult::verdict_seconds);
    double sum = 0;
    for (const double time : times) sum += time;
    return occurrence(arm.convicted(), times.size(), times.empty() ? 0 : sum / static_cast<double>(times.size()));
}

std::vector<double> times_of(const ArmResult& arm, double TrialResult::* seconds) {
    std::vector<double> times;
    for (const auto& trial : arm.trials)
        if (trial.verdict != Verdict::rig_fault) times.push_back(trial.*seconds);
    return times;
}

}  // namespace memrig
