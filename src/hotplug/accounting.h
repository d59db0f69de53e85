// Checks the exact accounting of memory: when memory comes online, every page of it is present in its zone and counted
// once, and nothing else changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guest/guest_link.h"
#include "hotplug/dimm.h"

namespace memrig {

// A range of physical addresses; `end` is not in it.
struct MemoryRange {
    std::uint64_t begin = 0, end = 0;
    bool operator==(const MemoryRange&) const = default;
};

// The guest's memory as its kernel accounts for it, and as QEMU does.
struct MemorySnapshot {
    std::vector<MemoryBlock> blocks;
    MemoryFigures figures;
    // System RAM of /proc/iomem, sorted, with neighbours joined; empty: not read.
    std::vector<MemoryRange> ram = {};
    QemuMemory qemu = {};
    std::uint64_t page_struct_bytes = 0;  // sizeof(struct page); 0: not known
};
// Returns the snapshot as it would be without those blocks, which are offline, and without QEMU's device and backend
// that they are of.
MemorySnapshot without_device(MemorySnapshot snapshot, const BlockRange& blocks, std::uint64_t block_bytes,
                              const std::string& device, const std::string& backend);
// Parses the System RAM of /proc/iomem: sorted, with neighbours joined.
std::vector<MemoryRange> system_ram(std::string_view iomem);

enum class BlockFate { online, offline, absent };

// The expected state of a memory block.
struct BlockGoal {
    std::uint64_t id = 0;
    BlockFate fate = BlockFate::online;
    std::string zone = {};  // the expected zone of an online block; empty: any
    int node = 0;
    bool memmap_on_memory = false;  // its first pages hold the block's own struct pages, and are not free to use
    bool gives_no_pages = false;    // its pages do not become free when they come online
};

// The expected change. Each block of `goals` is as stated there, all other blocks are as before, and QEMU has the
// devices and backends of `qemu` in addition.
struct AccountingSpec {
    std::vector<BlockGoal> goals;
    std::uint64_t block_bytes = 0;
    QemuMemory qemu = {};
};

// Returns one line for each thing that does not add up; no line means that everything does. It checks that
// - each block of the goals has the expected state, or is absent,
// - each online block is in one zone, and on its node,
// - each zone's present pages grew by exactly the pages of the goals' blocks that are online in it,
// - MemTotal grew by exactly the size of these blocks, less those that give no pages, and less the pages that hold
//   struct pages of their own block; where there are such blocks and `before` does not know how large a struct page is,
//   MemTotal is not checked,
// - the nodes with memory are those that had memory before, and those with an online block; likewise the nodes with
//   memory in a zone for the kernel, and the nodes that are there, which are those with any block,
// - a zone whose blocks are all gone offline again spans what it did before,
// - pages that were found broken in memory that is gone are not counted any more (HardwareCorrupted),
// - without the goals' blocks, as many pages hold struct pages as before (nr_memmap_pages), unless a zone of device
//   memory spans more than before, or other struct pages were let go that came at boot (nr_memmap_boot_pages),
// - no page that a fill_memory() wrote to has lost its content,
// - System RAM grew by the blocks that are there,
// - all other blocks are unchanged,
// - QEMU has exactly the memory devices and backends that it should have.
std::vector<std::string> check_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                      const AccountingSpec& spec);

// The goals for `blocks`: all online, in any zone.
std::vector<BlockGoal> all_online(const BlockRange& blocks);

// The first word of a block's valid_zones. For an online block, this is its zone.
std::string zone_of(const MemoryBlock& block);

}  // namespace memrig
