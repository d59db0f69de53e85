// The memory hotplug paths by which docs/coverage.md sorts the scenarios. The list is closed, so that a path without a
// test shows as an empty row.
#pragma once

#include <array>
#include <string_view>

namespace memrig {

struct HotplugPath {
    std::string_view id;  // the scenario file's key `path`
    std::string_view name;
};

// In the order of the table in docs/coverage.md.
inline constexpr std::array kHotplugPaths = std::to_array<HotplugPath>({
    {"acpi-dimm-add", "ACPI or DLPAR adds a pc-dimm"},
    {"acpi-dimm-remove", "ACPI or DLPAR removes a pc-dimm"},
    {"virtio-mem-grow", "virtio-mem gives memory"},
    {"virtio-mem-shrink", "virtio-mem takes memory back"},
    {"probe", "Memory added by address (`probe`)"},
    {"memtrace", "memtrace takes memory and gives it back (powernv)"},
    {"xen-balloon", "The Xen balloon adds memory to dom0"},
    {"dax-kmem", "dax kmem: a dax device becomes system RAM"},
    {"device-memory", "Device memory (`devm_memremap_pages()`)"},
    {"vcpu", "vCPU hotplug against memory hotplug"},
    {"online-offline", "Onlining and offlining through sysfs"},
    {"numa", "NUMA nodes and zones"},
    {"auto-online", "Memory that the kernel onlines by itself"},
    {"memmap-on-memory", "Blocks that hold their own struct pages"},
    {"notifiers", "Memory notifiers and their vetoes"},
    {"refusals", "What QEMU or the kernel refuses"},
    {"readers", "Readers of `mem_hotplug_lock` (`get_online_mems()`)"},
    {"many", "Several adders and onliners at once"},
    {"loop", "Adding and removing in a loop"},
});

}  // namespace memrig
