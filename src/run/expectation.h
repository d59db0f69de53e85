// Tells whether a trial came out as its arm expects.
#pragma once

#include "run/trial.h"

namespace memrig {

// A rig fault is never as expected. With `--oracle`, any verdict by which these oracles convict is expected of an arm
// other than control. Thread-safe.
bool is_as_expected(const TrialSpec& spec, const TrialResult& result);

}  // namespace memrig
