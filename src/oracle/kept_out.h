// Checks whether an actor was kept out while another actor was held. For a schedule with await steps, the verdict
// `held` rests on this.
#pragma once

#include "oracle/judge.h"

namespace memrig {

// Returns whether the step awaits this observation.
bool asks_for(const Step& step, const Observation& evidence);
// The first observation that this await step asks for and that was made while a hold was in force; null if there is
// none.
const EvidenceRecord* seen_under_hold(const TrialEvidence& evidence, const Step& step);
// Returns whether some step saw its actor kept out under the hold, and did not see it enter under the hold. `refused`,
// `queued`, `asleep` and `stalled` show that the actor is kept out. `blocked` does so only if the step asks for
// neither `refused` nor `asleep`.
bool was_kept_out(const TrialEvidence& evidence);

}  // namespace memrig
