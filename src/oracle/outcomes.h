// Tells what became of the work of actors that may fail: done, or refused with everything as before.
#pragma once

#include <string>
#include <vector>

#include "oracle/judge.h"
#include "schedule/goals.h"

namespace memrig {

// Returns the blocks for which actors that may fail were refused. A thread says so itself, by the error of its write.
// The memory tells it of all others: an adder was refused if none of its blocks is there, a remover if one still is. So
// a device that came or went in part does not add up.
RefusedBlocks refused_of(const Schedule& schedule, const Performance& performance, const MemorySnapshot& memory);

// Returns one line for each thing that did not add up at the schedule's checks.
std::vector<std::string> wrong_at_checks(const TrialEvidence& evidence);

// Returns the grounds of a trial with checks that all add up. REQUIRES: the schedule has a check.
std::string checked_reason(const TrialEvidence& evidence);

// "kmem_cache_alloc_noprof() for adder, by way of alloc_node < create_node (call 2 of this path)"; with the number of
// calls that were recorded, "call 2 of 7 on this path".
std::string failure_text(const FailureSpec& failure, unsigned recorded = 0);

}  // namespace memrig
