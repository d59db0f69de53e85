#include "run/figures_arming.h"

#include <algorithm>

#include "probe/kernel_objects.h"
#include "watch/data_watch.h"

namespace memrig {

namespace {

// Returns the figure as /proc/zoneinfo has it. Nothing for an empty zone, and for what that file does not tell.
std::optional<std::uint64_t> figure_told(const MemoryFigures& told, const HotplugFigure& figure) {
    if (figure.name == "node_present_pages") {
        std::uint64_t present = 0;
        for (const auto& one : told.zones) present += one.node == static_cast<int>(figure.node) ? one.present : 0;
        return present;
    }
    const auto zone = std::ranges::find_if(told.zones, [&](const ZoneFigures& one) {
        return one.node == static_cast<int>(figure.node) && one.zone == figure.zone;
    });
    if (zone == told.zones.end() || zone->present == 0) return std::nullopt;
    if (figure.name == "present_pages") return zone->present;
    if (figure.name == "spanned_pages") return zone->spanned;
    return figure.name == "zone_start_pfn" ? std::optional(zone->start_pfn) : std::nullopt;
}

ArmedFigures unknown(std::string why) { return {{WatcherReport::State::not_exercised, std::move(why)}, {}}; }

// As much of the memory from there on as there is, and as a pglist_data can have.
Result<std::string> read_node(Probe& probe, std::uint64_t address) {
    constexpr std::uint64_t most = 512u << 10, page = 4096;
    std::string bytes;
    while (bytes.size() < most) {
        const std::uint64_t at = address + bytes.size();
        const auto part = probe.read_memory(0, at, page - at % page);
        if (!part && part.error().fault != Fault::guest) return part;
        if (!part) break;
        bytes += *part;
    }
    return bytes;
}

// For a kernel without BTF.
Result<MemoryLayout> find_layout(Probe& probe, const SymbolTable& symbols, const MemorySnapshot& before) {
    MEMRIG_TRY(const auto nodes, node_places(probe, symbols));
    if (nodes.empty()) return fail(Fault::guest, "the kernel has no symbol for its nodes");
    const auto& [node, address] = *nodes.begin();
    std::vector<ZoneSample> zones;
    for (const auto& zone : before.figures.zones)
        if (zone.node == static_cast<int>(node))
            zones.push_back({zone.zone, zone.start_pfn, zone.managed, zone.spanned, zone.present});
    MEMRIG_TRY(const std::string bytes, read_node(probe, address));
    return find_memory_layout(bytes, zones, [&](std::uint64_t at) {
        constexpr std::size_t longest = 16;
        const auto text = probe.read_memory(0, at, longest);
        const std::size_t end = text ? text->find('\0') : std::string::npos;
        return end == std::string::npos ? std::string() : text->substr(0, end);
    });
}

}  // namespace

Result<ArmedFigures> arm_figures(Probe& probe, const SymbolTable& symbols, const MemorySnapshot& before) {
    MEMRIG_TRY(const std::string btf, read_btf(probe, symbols));
    const auto layout = btf.empty() ? find_layout(probe, symbols, before) : memory_layout(btf);
    if (!layout && layout.error().fault != Fault::guest) return std::unexpected(layout.error());
    if (!layout) return unknown((btf.empty() ? "the kernel tells no BTF, and " : "") + layout.error().message);
    MEMRIG_TRY(const auto figures, hotplug_figures(probe, symbols, *layout, ZonesToWatch::all));
    unsigned compared = 0;
    for (const auto& figure : figures) {
        const auto said = figure_told(before.figures, figure);
        if (!said) continue;
        MEMRIG_TRY(const std::uint64_t value, probe.read_u64(0, figure.address));
        if (value != *said)
            return ArmedFigures{{WatcherReport::State::unarmed,
                                 fmt::format("{} is {}, and the kernel says {}", figure.text(), value, *said)},
                                {}};
        compared++;
    }
    if (compared == 0) return unknown("no zone with memory was found");
    return ArmedFigures{{WatcherReport::State::armed,
                         fmt::format("{} figures of zones are as the kernel says{}", compared,
                                     btf.empty() ? "; it has no BTF, so they were found by their values" : "")},
                        *layout};
}

}  // namespace memrig
