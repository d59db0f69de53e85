// Deadlines that tests share.
#pragma once

#include "base/clock.h"

namespace memrig {

// It has passed already: a script that is at its end ends run_until(), too.
inline Deadline at_once() { return Deadline(SteadyTime::min()); }

}  // namespace memrig
