// Exact accounting: after memory came online, every page of it is present in its zone and counted once, and nothing else moved.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

// A range of physical addresses, `end` not in it.
struct MemoryRange {
    std::uint64_t begin = 0, end = 0;
    bool operator==(const MemoryRange&) const = default;
};

// The guest's memory as its kernel accounts for it, and as QEMU does.
struct MemorySnapshot {
    std::vector<MemoryBlock> blocks;
    MemoryFigures figures;
    std::vector<MemoryRange> ram = {};  // System RAM of /proc/iomem, sorted, neighbours joined; empty: not looked at
    std::string nodes = {};  // with memory online, as sysfs lists them ("0-1"); empty on a kernel without NUMA
    QemuMemory qemu = {};
};
// What /proc/iomem says.
std::vector<MemoryRange> system_ram(std::string_view iomem);

enum class BlockFate { online, offline, absent };

// What should have become of a memory block.
struct BlockGoal {
    std::uint64_t id = 0;
    BlockFate fate = BlockFate::online;
    std::string zone = {};  // of one that is online; empty: any one
    int node = 0;
    bool memmap_on_memory = false;  // its first pages describe all of them, and are nobody's to use
};

// What should have come: the blocks of `goals` as they say, all other blocks as they were; QEMU has these devices and backends more.
struct AccountingSpec {
    std::vector<BlockGoal> goals;
    std::uint64_t block_bytes = 0;
    QemuMemory qemu = {};
};

// Each line is one thing that does not add up; none means that all does. Checked: each of the blocks is in the state that it should
// be in, or not there; one that is online is in one zone, and on its node; each zone's present pages grew by exactly the pages of the
// blocks that are online in it; MemTotal grew by exactly the size of all that are online, less the pages that describe such a block
// from within; a node has memory if it had or has a block online; System RAM grew by the blocks that are there; other blocks are
// unchanged; QEMU has no memory device and no backend more than it should.
std::vector<std::string> check_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                      const AccountingSpec& order);

// The goals of blocks that are all online, in any zone.
std::vector<BlockGoal> all_online(const BlockRange& blocks);

// The first word of a block's valid_zones: its zone while it is online.
std::string zone_of(const MemoryBlock& block);

}  // namespace memrig
