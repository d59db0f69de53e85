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

}  // namespace

Result<ArmedFigures> arm_figures(Probe& probe, const SymbolTable& symbols, const MemorySnapshot& before) {
    MEMRIG_TRY(const std::string btf, read_btf(probe, symbols));
    if (btf.empty()) return unknown("the kernel tells no BTF");
    const auto layout = memory_layout(btf);
    if (!layout) return unknown(layout.error().message);
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
    return ArmedFigures{
        {WatcherReport::State::armed, fmt::format("{} figures of zones are as the kernel says", compared)}, *layout};
}

}  // namespace memrig
