// Obligations of a trial: the checks of the locking rules that its verdict rests on.
//
// All functions here only read their arguments, so they are thread-safe.
#pragma once

#include <string>
#include <vector>

#include "oracle/judge.h"
#include "watch/armament.h"
#include "watch/obligation.h"

namespace memrig {

// Returns the checks that the trial's schedule asks for. Without an actor that adds memory and is expected to succeed,
// there are none.
std::vector<Obligation> obligations_of(const TrialEvidence& evidence);
// Returns what is missing, one line each: a check that was possible and not made, one whose watcher is unarmed, and a
// rule that the scenario is about (Schedule::rests_on) and that was checked nowhere, for whatever reason.
// Empty if the rules were not watched, or if the play did not come to its end.
std::vector<std::string> unmet_obligations(const TrialEvidence& evidence);
// Returns the obligations that this kernel does not allow to check, one line each: "R4: arch_add_memory has no symbol".
std::vector<std::string> gaps_of(const TrialEvidence& evidence);

// Takes the breaches and the checks of each rule whose watcher is not armed out of the evidence, and notes a gap.
void leave_out_unarmed(RuleEvidence& rules, const Armament& armament);
// Returns why a lock ledger that rests on these watchers cannot be trusted: TrialEvidence::blind.
std::vector<std::string> blind_spots(const Armament& armament, const std::vector<std::string>& contradictions);

}  // namespace memrig
