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

// What should have come: `blocks` online, all other blocks as they were.
struct AccountingOrder {
    BlockRange blocks;
    std::uint64_t block_bytes = 0;
    int node = 0;
};

// Each line is one thing that does not add up; none means that all does. Checked: each block of the range is there, online, in
// one zone and on its node; each zone's present pages grew by exactly its new blocks' pages; MemTotal grew by exactly the
// range's size (pages that pages of the range itself describe do not occur: memmap_on_memory is off); other blocks are unchanged.
std::vector<std::string> check_onlined(const MemorySnapshot& before, const MemorySnapshot& after,
                                       const AccountingOrder& order);

// The first word of a block's valid_zones: its zone while it is online.
std::string zone_of(const MemoryBlock& block);

}  // namespace memrig
