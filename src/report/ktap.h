// Writes a run's results as KTAP, version 1, as the kernel's Documentation/dev-tools/ktap.rst defines it.
#pragma once

#include <string>

#include "run/results.h"

namespace memrig {

// Each arm is a test, and each of its trials a subtest. A trial is "ok" if its verdict was expected, "ERROR" if the rig
// broke, and "SKIP" if it was not run.
std::string ktap_text(const RunResults& results);

}  // namespace memrig
