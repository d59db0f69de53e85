// The places of the figures of memory in the kernel's structures, from its BTF (Documentation/bpf/btf.rst), or from
// what lies there.
//
// The kernel changes these figures under mem_hotplug_lock (include/linux/mmzone.h, at zone::present_pages).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace memrig {

// All offsets are in bytes. Each figure is a word of 8 bytes.
struct MemoryLayout {
    std::uint64_t zones_at = 0;                         // of pglist_data::node_zones
    std::uint64_t zone_bytes = 0;                       // sizeof(struct zone)
    std::map<std::uint64_t, std::string> zones;         // by their index in node_zones: "DMA32", "Normal", "Movable"
    std::uint64_t first_added = 0;                      // ZONE_NORMAL: no memory is added to the zones before
    std::map<std::string, std::uint64_t> zone_figures;  // by name: offsets in a struct zone
    std::map<std::string, std::uint64_t> node_figures;  // offsets in a pglist_data
    bool operator==(const MemoryLayout&) const = default;
};

// The figures of a zone, as the kernel tells them.
struct ZoneSample {
    std::string name;
    std::uint64_t start_pfn = 0, managed = 0, spanned = 0, present = 0;
};

// Returns the text that ends with a NUL at an address of the kernel's; "" if it is long, or not there.
using TextAt = std::function<std::string(std::uint64_t)>;

// Finds the layout in the memory of a pglist_data, whose zones are these, in their order, empty ones included. The
// figures of a zone with memory tell where it is, and the pointer to its name, which each zone has, how far it is to
// the next one. In a struct zone the four figures have followed each other, in the order above, since v3.12, and so
// have node_start_pfn, node_present_pages and node_spanned_pages in a pglist_data (include/linux/mmzone.h).
// MemoryLayout::zones_at is then the place of the first zone's figures, not that of the zone. Fault::guest if anything
// of it is not found, or at more than one place.
Result<MemoryLayout> find_memory_layout(std::string_view node, const std::vector<ZoneSample>& zones,
                                        const TextAt& text_at);

// Reads the layout from the BTF. Fault::guest if it is none, or lacks a structure or one of its members. Thread-safe.
Result<MemoryLayout> memory_layout(std::string_view btf);

}  // namespace memrig
