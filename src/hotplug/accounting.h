// Exact accounting: after memory came online, every page of it is present in its zone and counted once, and nothing else moved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

// The guest's memory as its kernel accounts for it.
struct MemorySnapshot {
    std::vector<MemoryBlock> blocks;
    MemoryFigures figures;
};

enum class BlockFate { online, offline, absent };

// What should have become of a memory block.
struct BlockGoal {
    std::uint64_t id = 0;
    BlockFate fate = BlockFate::online;
    std::string zone;  // of one that is online; empty: any one
};

// What should have come: the blocks of `goals` as they say, all other blocks as they were.
struct AccountingOrder {
    std::vector<BlockGoal> goals;
    std::uint64_t block_bytes = 0;
    int node = 0;
};

// Each line is one thing that does not add up; none means that all does. Checked: each of the blocks is in the state that it should
// be in, or not there; one that is online is in one zone, and on its node; each zone's present pages grew by exactly the pages of the
// blocks that are online in it; MemTotal grew by exactly the size of all that are online (pages that pages of the range itself describe
// do not occur: memmap_on_memory is off); other blocks are unchanged.
std::vector<std::string> check_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                      const AccountingOrder& order);

// The goals of blocks that are all online, in any zone.
std::vector<BlockGoal> all_online(const BlockRange& blocks);

// The first word of a block's valid_zones: its zone while it is online.
std::string zone_of(const MemoryBlock& block);

}  // namespace memrig
