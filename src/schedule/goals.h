// The goals: what a schedule leaves in each block of the plugged devices and in QEMU, if all goes as its actors expect.
#pragma once

#include <map>
#include <string>

#include "hotplug/accounting.h"
#include "schedule/schedule.h"

namespace memrig {

// By adder: the blocks that its device was plugged as.
using PluggedBlocks = std::map<std::string, BlockRange>;

// The actors act in the order of the steps that start them: where two of them race, the second one has to wait. An
// actor that expects a refusal is refused.
AccountingSpec goals_of(const Schedule& schedule, const PluggedBlocks& plugged, std::uint64_t block_bytes);

// The id of an adder's memory backend.
std::string backend_of(const Actor& adder);

}  // namespace memrig
