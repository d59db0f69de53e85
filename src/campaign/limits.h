// The limits of a campaign: what its results do not show. Each report has them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "campaign/summary.h"

namespace memrig {

// One check, a rule or an oracle, over all trials.
struct CheckUse {
    std::string check;
    std::uint64_t trials = 0;             // in which it was made
    std::uint64_t mutant_trials = 0;      // of these, trials of an arm other than the control
    std::uint64_t convicted_mutants = 0;  // trials of such an arm in which it convicted
    std::uint64_t convicted_controls = 0;
    // The check was made, and never convicted a mutant: nothing here shows that it can see a fault.
    [[nodiscard]] bool is_blind() const { return trials > 0 && convicted_mutants == 0; }
};

struct Limits {
    // False if no result has its checks: an older memrig did not store them.
    bool has_checks = false;
    std::vector<CheckUse> checks;  // all that memrig has, also those that were never made
    // By the shown kernel: the rules that no trial put to the test there, and what trials that held could not check.
    std::map<std::string, std::vector<std::string>> not_exercised;
    std::map<std::string, std::set<std::string>> gaps;
    // Convictions of scheduled controls that came to a verdict, those for known findings alone left out. On a sound
    // kernel each of these is a false conviction.
    Occurrence convictions;
    // Scheduled trials of arms that expect a conviction, and had none.
    Occurrence misses;
};

Limits limits_of(const CampaignRecord& record, const CampaignSummary& summary);

// One line for each limit, one_line() text: "R7 was put to the test in 12 trials, and convicted no mutant".
std::vector<std::string> limits_lines(const Limits& limits);

}  // namespace memrig
