// The goals: what a schedule leaves in each block of the plugged devices and in QEMU, if all goes as its actors expect.
#pragma once

#include <map>
#include <set>
#include <string>

#include "hotplug/accounting.h"
#include "schedule/schedule.h"

namespace memrig {

// By adder: the blocks that its device was plugged as.
using PluggedBlocks = std::map<std::string, BlockRange>;

// By actor that may fail: the blocks for which it was refused.
using RefusedBlocks = std::map<std::string, std::set<std::uint64_t>>;

// The actors act in the order of the steps that start them: where two of them race, the second one has to wait. An
// actor that expects a refusal is refused. An actor that may fail leaves the blocks of `refused` as they were.
// The actors of a step `race` act in any order, block by block: `seen`, the blocks after the race, tells in which. A
// block that no order leaves as it was seen has the goal of one of the orders. Without `seen`, they act in their order.
AccountingSpec goals_of(const Schedule& schedule, const PluggedBlocks& plugged, std::uint64_t block_bytes,
                        const RefusedBlocks& refused = {}, const std::vector<MemoryBlock>* seen = nullptr);

// The id of an adder's memory backend.
std::string backend_of(const Actor& adder);

}  // namespace memrig
