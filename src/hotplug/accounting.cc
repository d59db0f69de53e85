#include "hotplug/accounting.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "hotplug/id_list.h"

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

// Without CONFIG_NUMA no block has a link to a node, not even a block of the boot memory, and zoneinfo calls the only
// node 0.
bool has_nodes(const MemorySnapshot& before) {
    return std::ranges::any_of(before.blocks, [](const MemoryBlock& block) { return block.node >= 0; });
}

// Checks the new blocks, and counts those that are online by zone.
std::map<ZoneKey, std::uint64_t> check_new_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                                  const AccountingSpec& spec, std::vector<std::string>& wrong) {
    const bool nodes = has_nodes(before);
    std::map<ZoneKey, std::uint64_t> blocks_of;
    for (const auto& goal : spec.goals) {
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
        if (node != goal.node) wrong.push_back(fmt::format("memory{} is on node {}, not {}", goal.id, node, goal.node));
        blocks_of[{node, zone}]++;
    }
    return blocks_of;
}

void check_old_blocks(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingSpec& spec,
                      std::vector<std::string>& wrong) {
    for (const auto& old : before.blocks) {
        const MemoryBlock* now = find_block(after.blocks, old.id);
        if (now == nullptr) wrong.push_back(fmt::format("memory{} is gone", old.id));
        else if (now->state != old.state)
            wrong.push_back(fmt::format("memory{} was {} and is {}", old.id, old.state, now->state));
    }
    for (const auto& now : after.blocks)
        if (find_block(before.blocks, now.id) == nullptr &&
            std::ranges::find(spec.goals, now.id, &BlockGoal::id) == spec.goals.end())
            wrong.push_back(fmt::format("memory{} came without being asked for", now.id));
}

// Sorted, with neighbours joined.
std::vector<MemoryRange> joined(std::vector<MemoryRange> ranges) {
    std::ranges::sort(ranges, {}, &MemoryRange::begin);
    std::vector<MemoryRange> all;
    for (const auto& range : ranges)
        if (!all.empty() && range.begin <= all.back().end) all.back().end = std::max(all.back().end, range.end);
        else all.push_back(range);
    return all;
}

std::string text_of(const std::vector<MemoryRange>& ranges) {
    std::string text;
    for (const auto& range : ranges)
        text += fmt::format("{}{:x}-{:x}", text.empty() ? "" : ", ", range.begin, range.end - 1);
    return text;
}

void check_iomem(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingSpec& spec,
                 std::vector<std::string>& wrong) {
    if (before.ram.empty()) return;
    auto expected = before.ram;
    for (const auto& goal : spec.goals)
        if (goal.fate != BlockFate::absent)
            expected.push_back({goal.id * spec.block_bytes, (goal.id + 1) * spec.block_bytes});
    expected = joined(std::move(expected));
    if (after.ram != expected)
        wrong.push_back(fmt::format("System RAM is {}, not {}", text_of(after.ram), text_of(expected)));
}

// Compares two lists of nodes, of which the later one has those in `more`, too. `what` is the predicate of the nodes:
// "have memory".
void check_node_list(const std::string& before, const std::string& after, const std::set<unsigned>& more,
                     const char* what, std::vector<std::string>& wrong) {
    if (before.empty()) return;
    auto expected = parse_id_list(before);
    const auto found = parse_id_list(after);
    if (!expected || !found) {
        wrong.push_back(fmt::format("the list of nodes that {} is malformed: '{}'", what, expected ? after : before));
        return;
    }
    expected->insert(more.begin(), more.end());
    if (*found != *expected)
        wrong.push_back(fmt::format("nodes {} {}, not {}", after, what, fmt::join(*expected, ",")));
}

std::string nodes_in(const MemorySnapshot& snapshot, const char* file) {
    const auto list = snapshot.figures.nodes.find(file);
    return list == snapshot.figures.nodes.end() ? std::string() : list->second;
}

bool is_for_the_kernel(const std::string& zone) { return zone != "Movable" && zone != "Device"; }

void check_nodes(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingSpec& spec,
                 std::vector<std::string>& wrong) {
    std::set<unsigned> with_memory, with_normal, there;
    for (const auto& goal : spec.goals) {
        const auto node = static_cast<unsigned>(goal.node);
        if (goal.fate != BlockFate::absent) there.insert(node);
        if (goal.fate != BlockFate::online) continue;
        with_memory.insert(node);
        const MemoryBlock* block = find_block(after.blocks, goal.id);
        if (block != nullptr && is_for_the_kernel(zone_of(*block))) with_normal.insert(node);
    }
    const auto check = [&](const char* file, const std::set<unsigned>& more, const char* what) {
        check_node_list(nodes_in(before, file), nodes_in(after, file), more, what, wrong);
    };
    check("has_memory", with_memory, "have memory");
    check("has_normal_memory", with_normal, "have memory for the kernel");
    check("online", there, "are there");
}

// A zone spans its blocks from the first to the last that is online (shrink_zone_span(), mm/memory_hotplug.c). It does
// not shrink for device memory.
void check_spans(const MemorySnapshot& before, const MemorySnapshot& after, std::vector<std::string>& wrong) {
    for (const auto& was : before.figures.zones)
        for (const auto& is : after.figures.zones)
            if (is.node == was.node && is.zone == was.zone && is.zone != "Device" && is.present == was.present &&
                is.spanned != was.spanned)
                wrong.push_back(
                    fmt::format("node {} zone {} spans {} pages, not {}", is.node, is.zone, is.spanned, was.spanned));
}

bool all_absent(const AccountingSpec& spec) {
    return std::ranges::all_of(spec.goals, [](const auto& goal) { return goal.fate == BlockFate::absent; });
}

// section_activate() and section_deactivate() count the struct pages of device memory, too (mm/sparse-vmemmap.c).
void check_memmap_pages(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingSpec& spec,
                        std::vector<std::string>& wrong) {
    // Pages of device memory are not present (memmap_init_zone_device(), mm/mm_init.c), and their zone only grows.
    const auto device_pages = [](const MemorySnapshot& snapshot) {
        std::uint64_t pages = 0;
        for (const auto& zone : snapshot.figures.zones)
            if (zone.zone == "Device") pages += zone.spanned;
        return pages;
    };
    const auto count = [](const MemorySnapshot& snapshot, const char* name) {
        const auto found = snapshot.figures.vmstat.find(name);
        return found == snapshot.figures.vmstat.end() ? std::nullopt : std::optional(found->second);
    };
    constexpr const char* name = "nr_memmap_pages";
    // Memory of the boot that goes away lets its struct pages go. So does a huge page that needs few of them, and they
    // count as come later once it is split (free_vmemmap_page() and alloc_vmemmap_page_list(), mm/hugetlb_vmemmap.c).
    constexpr const char* boot = "nr_memmap_boot_pages";
    const auto was = count(before, name), is = count(after, name);
    if (!was || !is || *was == *is || !all_absent(spec)) return;
    if (device_pages(before) != device_pages(after) || count(before, boot) != count(after, boot)) return;
    const auto change = static_cast<std::int64_t>(*is - *was);
    wrong.push_back(fmt::format("{} is {}, not {}: {} {} than before", name, *is, *was, std::abs(change),
                                change > 0 ? "more" : "less"));
}

// remove_memory_block_devices() takes the broken pages of a block out of the count, drivers/base/memory.c.
void check_broken_pages(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingSpec& spec,
                        std::vector<std::string>& wrong) {
    const auto is = after.figures.meminfo.find("HardwareCorrupted");
    const auto was = before.figures.meminfo.find("HardwareCorrupted");
    if (is == after.figures.meminfo.end() || was == before.figures.meminfo.end()) return;
    if (all_absent(spec) && is->second != was->second)
        wrong.push_back(fmt::format("HardwareCorrupted is {} kB, not {} kB", is->second, was->second));
}

// A page that is moved away keeps its content: migrate_folio(), mm/migrate.c.
void check_lost_pages(const MemorySnapshot& after, std::vector<std::string>& wrong) {
    for (const auto& [name, lost] : after.figures.lost_pages)
        if (lost > 0)
            wrong.push_back(fmt::format("{} of {} lost what was written to them", counted(lost, "page"), name));
}

void check_ids(const char* what, const std::set<std::string>& before, const std::set<std::string>& more,
               const std::set<std::string>& after, std::vector<std::string>& wrong) {
    for (const auto& id : after)
        if (!before.contains(id) && !more.contains(id)) wrong.push_back(fmt::format("QEMU has the {} {}", what, id));
    for (const auto* ids : {&before, &more})
        for (const auto& id : *ids)
            if (!after.contains(id)) wrong.push_back(fmt::format("QEMU has no {} {}", what, id));
}

}  // namespace

std::vector<MemoryRange> system_ram(std::string_view iomem) {
    std::vector<MemoryRange> ranges;
    while (!iomem.empty()) {
        const std::string line(iomem.substr(0, iomem.find('\n')));
        iomem.remove_prefix(std::min(line.size() + 1, iomem.size()));
        unsigned long long first = 0, last = 0;
        int name = 0;
        // "System RAM", and "System RAM (virtio_mem)" below its device.
        if (std::sscanf(line.c_str(), " %llx-%llx : %n", &first, &last, &name) == 2 && name > 0 &&
            line.compare(static_cast<std::size_t>(name), 10, "System RAM") == 0)
            ranges.push_back({first, last + 1});
    }
    return joined(std::move(ranges));
}

std::string zone_of(const MemoryBlock& block) { return block.valid_zones.substr(0, block.valid_zones.find(' ')); }

std::vector<BlockGoal> all_online(const BlockRange& blocks) {
    std::vector<BlockGoal> goals;
    for (std::uint64_t id = blocks.first; id <= blocks.last; id++) goals.push_back({id, BlockFate::online});
    return goals;
}

namespace {

// Pages that hold struct pages of their own block are present in its zone, but not part of MemTotal
// (memory_block_online(), drivers/base/memory.c).
void check_total(const MemorySnapshot& before, const MemorySnapshot& after, const AccountingSpec& spec,
                 std::uint64_t online_blocks, std::vector<std::string>& wrong) {
    const auto self_described = static_cast<std::uint64_t>(std::ranges::count_if(
        spec.goals, [](const BlockGoal& goal) { return goal.fate == BlockFate::online && goal.memmap_on_memory; }));
    if (self_described > 0 && before.page_struct_bytes == 0) return;
    const std::uint64_t pages_per_block = spec.block_bytes / after.figures.page_bytes;
    for (const auto& goal : spec.goals) {
        const MemoryBlock* block = goal.gives_no_pages ? find_block(after.blocks, goal.id) : nullptr;
        if (block != nullptr && block->state == "online") online_blocks--;
    }
    const std::uint64_t expected =
        mem_total_kb(before.figures) +
        (online_blocks * spec.block_bytes - self_described * pages_per_block * before.page_struct_bytes) / 1024;
    if (mem_total_kb(after.figures) != expected)
        wrong.push_back(fmt::format("MemTotal is {} kB, not {} kB", mem_total_kb(after.figures), expected));
}

}  // namespace

MemorySnapshot without_device(MemorySnapshot snapshot, const BlockRange& blocks, std::uint64_t block_bytes,
                              const std::string& device, const std::string& backend) {
    std::erase_if(snapshot.blocks, [&](const MemoryBlock& block) { return blocks.contains(block.id); });
    const MemoryRange gone{blocks.first * block_bytes, (blocks.last + 1) * block_bytes};
    std::vector<MemoryRange> ram;
    for (const auto& range : snapshot.ram) {
        const MemoryRange below{range.begin, std::min(range.end, gone.begin)};
        const MemoryRange above{std::max(range.begin, gone.end), range.end};
        for (const auto& rest : {below, above})
            if (rest.begin < rest.end) ram.push_back(rest);
    }
    snapshot.ram = std::move(ram);
    snapshot.qemu.devices.erase(device);
    snapshot.qemu.backends.erase(backend);
    return snapshot;
}

std::vector<std::string> check_blocks(const MemorySnapshot& before, const MemorySnapshot& after,
                                      const AccountingSpec& spec) {
    std::vector<std::string> wrong;
    const auto blocks_of = check_new_blocks(before, after, spec, wrong);
    check_old_blocks(before, after, spec, wrong);
    check_iomem(before, after, spec, wrong);
    check_nodes(before, after, spec, wrong);
    check_spans(before, after, wrong);
    check_broken_pages(before, after, spec, wrong);
    check_memmap_pages(before, after, spec, wrong);
    check_lost_pages(after, wrong);
    check_ids("memory device", before.qemu.devices, spec.qemu.devices, after.qemu.devices, wrong);
    check_ids("memory backend", before.qemu.backends, spec.qemu.backends, after.qemu.backends, wrong);

    const std::uint64_t pages_per_block = spec.block_bytes / after.figures.page_bytes;
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
    check_total(before, after, spec, online_blocks, wrong);
    return wrong;
}

}  // namespace memrig
