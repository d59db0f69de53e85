// What all reports say of an arm, said in one way.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "run/results.h"

namespace memrig {

// As expected, and no rig fault: neither counts as good news, whatever a scenario expects.
bool good(const TrialResult& trial);
bool good(const ArmResult& arm);

// "race/acpi-dimm-online debian-6.1-amd64 q35 mutant".
std::string arm_name(const ArmResult& arm);
// "oops or deadlock".
std::string verdict_list(const std::vector<Verdict>& verdicts);
// "held 98, oops 2", in the order of the verdicts; "none" where there are none.
std::string verdict_counts_text(const std::map<Verdict, unsigned>& counts);

// What each choice led to: {"onliner.attribute": {"online": {held: 51}, "state": {held: 49}}}.
using ChoiceCounts = std::map<std::string, std::map<std::string, std::map<Verdict, unsigned>>>;
ChoiceCounts counts_by_choice(const ArmResult& arm);

// Of free mode: how often one of the expected verdicts came, among the trials that say something of the kernel.
Occurrence free_occurrence(const ArmResult& arm);

// The times of the arm's trials, but for those that ended in a rig fault, which say nothing of how long one takes.
std::vector<double> times_of(const ArmResult& arm, double TrialResult::* seconds);

}  // namespace memrig
