// The facts about an arm that all reports print, so that they print them in the same way.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "run/results.h"

namespace memrig {

// Returns whether the verdict was expected and is no rig fault. A rig fault is never good, whatever a scenario expects.
bool good(const TrialResult& trial);
bool good(const ArmResult& arm);

// "race/acpi-dimm-online debian-6.1-amd64 q35 mutant".
std::string arm_name(const ArmResult& arm);
// The same for people, with the kernel as tables name it.
std::string arm_title(const ArmResult& arm);
// "oops or deadlock".
std::string verdict_list(const std::vector<Verdict>& verdicts);
// "held 98, oops 2", in the order of the verdicts; "none" if there are none.
std::string verdict_counts_text(const std::map<Verdict, unsigned>& counts);
// The same for an arm, with "held, with gaps" as a count of its own.
std::string verdict_counts_text(const ArmResult& arm);

// Counts the verdicts of each choice: {"onliner.attribute": {"online": {held: 51}, "state": {held: 49}}}.
using ChoiceCounts = std::map<std::string, std::map<std::string, std::map<Verdict, unsigned>>>;
ChoiceCounts counts_by_choice(const ArmResult& arm);

// For free mode: how often an expected verdict occurred among the trials without a rig fault.
Occurrence free_occurrence(const ArmResult& arm);

// The times of the arm's trials, without rig faults, which do not tell how long a trial takes.
std::vector<double> times_of(const ArmResult& arm, double TrialResult::* seconds);

}  // namespace memrig
