#include "hotplug/accounting.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace memrig {

namespace {

using ZoneKey = std::pair<int, std::string>;

std::map<ZoneKey, std::uint64_t> present_pages(const MemoryFigures& figures) {
    std::map<ZoneKey, std::uint64_t> pages;
    for (const auto& zone : figures.zones) pages[{zone.node, zone.zone}] += zone.present;
    return pages;
}

std::uint64_t mem_total_kb(const MemoryFigures& figures) {
    const auto found = figures.meminfo.find("MemTotal");
    return found == figures.meminfo.end() ? 0 : found->second;
}

const MemoryBlock* find_block(const std::vector<MemoryBlock>& blocks, std::uint64_t id) {
    const auto found = std::ranges::find(blocks, id, &MemoryBlock::id);
    return found == blocks.end() ? nullptr : &*found;
}

// Without CONFIG_NUMA no block has a link to a node, not even the boot memory's, and zoneinfo calls the one there is 0.
bool has_nodes(const MemorySnapshot& before) {
    return std::ranges::any_of(before.blocks, [](const MemoryBlock& block) { return block.node >= 0; });
}

// Checks the new blocks and says how many of each zone there are.
std::map<ZoneKey, std::uint64_t> check_new_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                                  const AccountingOrder& order, std::vector<std::string>& wrong) {
    const bool nodes = has_nodes(before);
    std::map<ZoneKey, std::uint64_t> blocks_of;
    for (const auto& goal : order.goals) {
        const MemoryBlock* block = find_block(after.blocks, goal.id);
        if (goal.fate == BlockFate::absent) {
            if (block != nullptr) wrong.push_back(fmt::format("memory{} is there, {}", goal.id, block->state));
        } else if (block == nullptr) {
            wrong.push_back(fmt::format("memory{} is not there", goal.id));
        } else if (const char* state = goal.fate == BlockFate::online ? "online" : "offline"; block->state != state) {
            wrong.push_back(fmt::format("memory{} is {}, not {}", goal.id, block->state, state));
        }
        if (block == nullptr || block->state != "online") continue;
        const std::string zone = zone_of(*block);
        if (!goal.zone.empty() && zone != goal.zone)
            wrong.push_back(fmt::format("memory{} is in zone {}, not {}", goal.id, zone, goal.zone));
        const int node = nodes ? block->node : 0;
        if (node != order.node)
            wrong.push_back(fmt::format("memory{} is on node {}, not {}", goal.id, node, order.node));
        blocks_of[{node, zone}]++;
    }
    return blocks_of;
}

void check_old_blocks(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingOrder& order,
                      std::vector<std::string>& wrong) {
    for (const auto& old : before.blocks) {
        const MemoryBlock* now = find_block(after.blocks, old.id);
        if (now == nullptr) wrong.push_back(fmt::format("memory{} is gone", old.id));
        else if (now->state != old.state)
            wrong.push_back(fmt::format("memory{} was {} and is {}", old.id, old.state, now->state));
    }
    for (const auto& now : after.blocks)
        if (find_block(before.blocks, now.id) == nullptr &&
            std::ranges::find(order.goals, now.id, &BlockGoal::id) == order.goals.end())
            wrong.push_back(fmt::format("memory{} came without being asked for", now.id));
}

}  // namespace

std::string zone_of(const MemoryBlock& block) { return block.valid_zones.substr(0, block.valid_zones.find(' ')); }

std::vector<BlockGoal> all_online(const BlockRange& blocks) {
    std::vector<BlockGoal> goals;
    for (std::uint64_t id = blocks.first; id <= blocks.last; id++) goals.push_back({id, BlockFate::online, ""});
    return goals;
}

std::vector<std::string> check_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                      const AccountingOrder& order) {
    std::vector<std::string> wrong;
    const auto blocks_of = check_new_blocks(before, after, order, wrong);
    check_old_blocks(before, after, order, wrong);

    const std::uint64_t pages_per_block = order.block_bytes / after.figures.page_bytes;
    const auto pages_before = present_pages(before.figures);
    auto pages_after = present_pages(after.figures);
    for (const auto& [zone, pages] : pages_before) pages_after.try_emplace(zone, 0);
    for (const auto& [zone, now] : pages_after) {
        const auto old = pages_before.find(zone);
        const auto grown = blocks_of.find(zone);
        const std::uint64_t expected = (old == pages_before.end() ? 0 : old->second) +
                                       (grown == blocks_of.end() ? 0 : grown->second * pages_per_block);
        if (now != expected)
            wrong.push_back(
                fmt::format("node {} zone {} has {} present pages, not {}", zone.first, zone.second, now, expected));
    }
    std::uint64_t online_blocks = 0;
    for (const auto& [zone, count] : blocks_of) {
        online_blocks += count;
        if (!pages_after.contains(zone))
            wrong.push_back(fmt::format("zoneinfo shows no zone {} on node {}", zone.second, zone.first));
    }
    const std::uint64_t expected_total = mem_total_kb(before.figures) + online_blocks * order.block_bytes / 1024;
    if (mem_total_kb(after.figures) != expected_total)
        wrong.push_back(fmt::format("MemTotal is {} kB, not {} kB", mem_total_kb(after.figures), expected_total));
    return wrong;
}

}  // namespace memrig
