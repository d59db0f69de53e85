// What a schedule leaves each block of the plugged device in, where all goes as its actors expect.
#pragma once

#include "hotplug/accounting.h"
#include "schedule/schedule.h"

namespace memrig {

// The actors have acted in the order of the steps that start them: where two of them race, it is the second that has to wait.
std::vector<BlockGoal> goals_of(const Schedule& schedule, const BlockRange& blocks, std::uint64_t block_bytes);

}  // namespace memrig
