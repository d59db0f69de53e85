// The places of the figures of memory in the kernel's structures, from its BTF (Documentation/bpf/btf.rst).
//
// The kernel changes these figures under mem_hotplug_lock (include/linux/mmzone.h, at zone::present_pages).
#pragma once

#include <cstdint>
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

// Reads the layout from the BTF. Fault::guest if it is none, or lacks a structure or one of its members. Thread-safe.
Result<MemoryLayout> memory_layout(std::string_view btf);

}  // namespace memrig
