// A run's results as KTAP, version 1, as the kernel's Documentation/dev-tools/ktap.rst defines it.
#pragma once

#include <string>

#include "run/results.h"

namespace memrig {

// One test an arm, with a subtest a trial. A trial is "ok" if its verdict was expected; "ERROR" if the rig broke; "SKIP" if it
// was not run.
std::string ktap_text(const RunResults& results);

}  // namespace memrig
