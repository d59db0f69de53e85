// The checks of a trial: the rules and the oracles. Reports count how often each was made and what it found.
//
// All functions here only read their arguments, so they are thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "oracle/judge.h"

namespace memrig {

// Returns how often each check was made in a trial: rules by their names, and the other oracles that were asked and had
// something to look at. `oracles` as for judge().
std::map<std::string, std::uint64_t> checks_made(const TrialEvidence& evidence, const std::set<std::string>& oracles);
// Returns the names of all checks: "N1", "R1", "crash".
std::vector<std::string> check_names();
// Returns the check that a finding comes from: the rule that was broken, or the oracle.
std::string check_of(const Finding& finding);

}  // namespace memrig
