#include "run/results.h"

#include <algorithm>
#include <cmath>

#include "base/exit_status.h"
#include "kernel/catalogue.h"

namespace memrig {

namespace {

bool expects(const ArmResult& arm, Verdict verdict) {
    return std::ranges::find(arm.expected, verdict) != arm.expected.end();
}

}  // namespace

void blame(TrialResult& result, const Error& error) {
    result.verdict = error.fault == Fault::guest ? Verdict::inconclusive : Verdict::rig_fault;
    result.reason = error.line();
    result.findings = {Finding{"rig", result.verdict, error.line(), {}, SentenceKey{error.line()}}};
}

std::size_t ArmResult::convicted() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(trials, [&](const TrialResult& trial) { return expects(*this, trial.verdict); }));
}

bool ArmResult::is_shown_by(const TrialResult& trial) const {
    return is_control() ? !trial.as_expected : expects(*this, trial.verdict);
}

bool ArmResult::as_expected() const {
    if (!skipped.empty()) return true;
    if (not_set_up) return false;
    const bool all_good = std::ranges::all_of(trials, &TrialResult::as_expected);
    if (mode == Mode::explore && !is_control()) return convicted() > 0 && all_good;
    return trials.size() == trials_asked && all_good;
}

std::map<Verdict, unsigned> ArmResult::counts() const {
    std::map<Verdict, unsigned> counts;
    for (const auto& trial : trials) counts[trial.verdict]++;
    return counts;
}

unsigned ArmResult::held_with_gaps() const {
    return static_cast<unsigned>(std::ranges::count_if(
        trials, [](const TrialResult& trial) { return trial.verdict == Verdict::held && has_gaps(trial.findings); }));
}

void name_kernels(RunResults& results) {
    for (auto& arm : results.arms) {
        if (!is_kernel_path(arm.kernel)) continue;
        const auto own = std::ranges::find(results.kernels, arm.kernel, &KernelIdentity::id);
        if (own == results.kernels.end()) continue;
        // A kernel may be there once for each bench.
        const bool clear = std::ranges::all_of(results.kernels, [&](const KernelIdentity& one) {
            return (one.id == own->id) == (one.release == own->release) || !is_kernel_path(one.id);
        });
        if (clear) arm.kernel_release = own->release;
    }
}

int RunResults::exit_status() const {
    if (interrupted) return kExitInterrupted;
    if (!fault.empty()) return kExitRigFault;
    bool failed = false, missing = false;
    for (const auto& arm : arms) {
        if (arm.not_set_up) {
            if (arm.not_set_up->fault != Fault::guest && arm.not_set_up->fault != Fault::user_input)
                return kExitRigFault;
            missing = true;
            continue;
        }
        if (std::ranges::find(arm.trials, Verdict::rig_fault, &TrialResult::verdict) != arm.trials.end())
            return kExitRigFault;
        failed = failed || !arm.as_expected();
    }
    if (failed) return kExitNotAsExpected;
    // A run whose arms were all skipped shows nothing: a campaign must not take it for a pass.
    missing = missing || std::ranges::all_of(arms, [](const ArmResult& arm) { return arm.trials.empty(); });
    return missing ? kExitNothingRun : kExitGood;
}

Spread spread_of(std::vector<double> values) {
    if (values.empty()) return {};
    std::ranges::sort(values);
    const std::size_t n = values.size();
    const double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
    const auto rank = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(n)));
    return {median, values[std::max<std::size_t>(rank, 1) - 1]};
}

}  // namespace memrig
