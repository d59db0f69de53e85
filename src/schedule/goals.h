// What a schedule leaves each block of the plugged devices in, and QEMU with, where all goes as its actors expect.
#pragma once

#include <map>
#include <string>

#include "hotplug/accounting.h"
#include "schedule/schedule.h"

namespace memrig {

// The blocks that each adder's device was plugged as.
using PluggedBlocks = std::map<std::string, BlockRange>;

// The actors have acted in the order of the steps that start them: where two of them race, it is the second that has to wait. Refused is
// who is expected to be.
AccountingSpec goals_of(const Schedule& schedule, const PluggedBlocks& plugged, std::uint64_t block_bytes);

// The id of a adder's memory backend.
std::string backend_of(const Actor& adder);

}  // namespace memrig
