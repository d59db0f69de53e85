// Whether an actor was seen being kept out while another one was held: what `held` rests on where a schedule awaits something.
#pragma once

#include "oracle/judge.h"

namespace memrig {

// Whether it is among what the step awaits.
bool asks_for(const Step& step, const Observation& evidence);
// The first thing seen, while a hold was in force, that this await step asks for; null where there is none.
const EvidenceRecord* seen_under_hold(const TrialEvidence& evidence, const Step& step);
// Whether a step saw its actor being kept out under the hold, and not getting in under it all the same. Who waits is kept out where
// the step knows neither of a lock that is tried nor of one that is slept for.
bool was_kept_out(const TrialEvidence& evidence);

}  // namespace memrig
