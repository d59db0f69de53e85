#include "oracle/checks.h"

#include <algorithm>

namespace memrig {

namespace {

constexpr const char* kRulesOracle = "rules";

// False for an oracle that found nothing to look at, and so says nothing.
bool had_something(const std::string& oracle, const TrialEvidence& evidence) {
    if (oracle == "lock-order") return evidence.locks != nullptr && evidence.blind.empty();
    if (oracle == "accounting") return evidence.performance.after.has_value();
    return true;
}

}  // namespace

std::map<std::string, std::uint64_t> checks_made(const TrialEvidence& evidence, const std::set<std::string>& oracles) {
    std::map<std::string, std::uint64_t> made;
    const auto asked = [&](const std::string& oracle) { return oracles.empty() || oracles.contains(oracle); };
    for (const auto& oracle : oracle_names())
        if (oracle != kRulesOracle && asked(oracle) && had_something(oracle, evidence)) made[oracle] = 1;
    if (evidence.rules && asked(kRulesOracle) && evidence.blind.empty())
        for (const auto& [obligation, count] : evidence.rules->checks) made[obligation.rule] += count;
    return made;
}

std::vector<std::string> check_names() {
    std::set<std::string> rules;
    for (const auto& obligation : watched_checks()) rules.insert(obligation.rule);
    std::vector<std::string> names(rules.begin(), rules.end());
    for (const auto& oracle : oracle_names())
        if (oracle != kRulesOracle) names.push_back(oracle);
    return names;
}

std::string check_of(const Finding& finding) {
    if (const auto* rule = std::get_if<RuleKey>(&finding.key)) return rule->rule;
    // memrig 0.1.0 wrote no keys: "R1: adder entered ...".
    if (finding.oracle == kRulesOracle) return finding.summary.substr(0, finding.summary.find(':'));
    return finding.oracle;
}

}  // namespace memrig
