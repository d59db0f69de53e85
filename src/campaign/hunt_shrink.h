// Shrinks a case of a hunt that convicts: fewer actors, fewer switches, less memory.
#pragma once

#include <functional>
#include <vector>

#include "campaign/hunt_case.h"

namespace memrig {

// Returns the cases that are a bit smaller than this one, those that save the most first.
std::vector<HuntCase> smaller_cases(const HuntCase& one);

// Returns the case with its switches fixed as they came to pass, and its actors in the order in which they first acted.
HuntCase with_switches(HuntCase one, const Interleaving& taken);

struct Shrunk {
    HuntCase smallest;
    unsigned attempts = 0;
};
// Plays smaller and smaller cases as long as they convict, `most` at most. `convicts` plays one, and says whether it
// came to the same finding.
Result<Shrunk> shrunk(const HuntCase& one, unsigned most, const std::function<Result<bool>(const HuntCase&)>& convicts);

}  // namespace memrig
