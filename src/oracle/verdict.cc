#include "oracle/verdict.h"

#include <algorithm>

namespace memrig {

const std::vector<std::string_view>& verdict_names() {
    static const std::vector<std::string_view> names = {"held",         "deadlock",   "oops", "rule-broken",
                                                        "lock-order",   "accounting", "hang", "warning",
                                                        "inconclusive", "rig-fault"};
    return names;
}

const char* to_string(Verdict verdict) { return verdict_names().at(static_cast<std::size_t>(verdict)).data(); }

std::optional<Verdict> parse_verdict(std::string_view text) {
    const auto& names = verdict_names();
    const auto found = std::ranges::find(names, text);
    if (found == names.end()) return std::nullopt;
    return static_cast<Verdict>(found - names.begin());
}

bool convicts(Verdict verdict) {
    switch (verdict) {
        case Verdict::held:
        case Verdict::inconclusive:
        case Verdict::rig_fault: return false;
        case Verdict::deadlock:
        case Verdict::oops:
        case Verdict::rule_broken:
        case Verdict::lock_order:
        case Verdict::accounting:
        case Verdict::hang:
        case Verdict::warning: break;
    }
    return true;
}

bool convicts(std::string_view verdict) {
    const auto parsed = parse_verdict(verdict);
    return parsed && convicts(*parsed);
}

int gravity(Verdict verdict) {
    switch (verdict) {
        case Verdict::rig_fault: return 0;
        case Verdict::deadlock: return 1;
        case Verdict::oops: return 2;
        case Verdict::rule_broken: return 3;
        case Verdict::lock_order: return 4;
        case Verdict::hang: return 5;
        case Verdict::accounting: return 6;
        case Verdict::warning: return 7;
        case Verdict::inconclusive: return 8;
        case Verdict::held: return 9;
    }
    return 10;
}

bool has_gaps(const std::vector<Finding>& findings) {
    return std::ranges::find(findings, kGapOracle, &Finding::oracle) != findings.end();
}

}  // namespace memrig
