#include "run/expectation.h"

#include <algorithm>

#include "oracle/judge.h"

namespace memrig {

bool is_as_expected(const TrialSpec& spec, const TrialResult& result) {
    const auto is_one_of = [&](const std::vector<Verdict>& verdicts) {
        return std::ranges::find(verdicts, result.verdict) != verdicts.end();
    };
    if (result.verdict == Verdict::rig_fault) return false;
    const bool control = spec.arm.name == "control";
    const bool proves_nothing = result.verdict == Verdict::inconclusive;
    switch (spec.manner.mode) {
        // Nothing is scheduled, so nothing has to show. But a trial that did not come to its end, that elided nothing
        // or whose console is not quiet counts for nothing, not for a race that did not come.
        case Mode::free: return proves_nothing ? result.findings.empty() : !control || is_one_of(spec.arm.expected);
        // A mutant's race need not show in each order; a control has to hold in every one.
        case Mode::explore:
            if (control) return is_one_of(spec.arm.expected);
            return !proves_nothing || !result.order_came_to_pass;
        case Mode::directed: break;
    }
    if (control || spec.manner.oracles.empty()) return is_one_of(spec.arm.expected);
    return is_one_of(convictions_by(spec.manner.oracles));
}

}  // namespace memrig
