// Rewrites a scenario for a sweep: its actors act one after the other, and calls that one of them makes fail.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "scenario/scenario.h"

namespace memrig {

// Returns the actors whose calls can be made to fail, in the order in which they start: those that are expected to do
// their work, and act on memory.
std::vector<std::string> sweepable_actors(const Scenario& scenario);

// Returns the text of the scenario in which the actors act one after the other, and the memory is checked at the end of
// each. It is for recording: its arms are those of the scenario.
// Fault::user_input if the scenario is a loop, or has no actor that can be swept.
Result<std::string> sequential_scenario(const Scenario& scenario);

// Returns the text of a scenario whose arm `fault` makes calls of one actor fail. The actors before it do their work as
// ever. Then it acts, the memory is checked, and it does the same once more, without a failure. `expected` is the
// verdict that the arm `fault` expects. REQUIRES: there is a failure, and all are of the same one of
// sweepable_actors().
Result<std::string> failing_scenario(const Scenario& scenario, const std::vector<FailureSpec>& failures,
                                     const std::string& purpose, const std::string& expected);

}  // namespace memrig
