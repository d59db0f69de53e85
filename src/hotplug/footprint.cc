#include "hotplug/footprint.h"

#include <algorithm>

#include <fmt/format.h>

#include "hotplug/ask_qemu.h"

namespace memrig {

namespace {

// /proc/slabinfo counts all objects of a slab that a CPU allocates from as in use (mm/slub.c, count_partial()). Each
// look shrinks the caches first, but the next allocation gives a cache such a slab again, of up to 512 objects. So a
// count can be too high, but never too low.
constexpr int kLooks = 4;

// An unmapped area stays a vmap_area until lazy_max_pages() such pages have gathered (mm/vmalloc.c,
// free_vmap_area_noflush()). This takes more rounds than there are, so this cache grows in every round without a leak.
constexpr std::string_view kFreedLater = "vmap_area";

Result<std::string> names_below(QmpClient& qmp, const char* path, Deadline deadline) {
    MEMRIG_TRY(const auto list,
               ask_qemu(qmp, "qom-list", {{"path", path}}, deadline, Fault::rig, std::string("qom-list ") + path));
    std::vector<std::string> names;
    for (const auto& entry : list) names.push_back(entry.value("name", ""));
    std::ranges::sort(names);
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
}

// The first line of `text` that differs from `other`: "100000000-107ffffff : System RAM" or "nothing".
std::string first_other_line(const std::string& text, const std::string& other) {
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        if (other.compare(begin, end - begin, text, begin, end - begin) != 0) return text.substr(begin, end - begin);
        begin = end + 1;
    }
    return "nothing";
}

void keep_lowest(Footprint& footprint, const std::string& name, std::uint64_t value) {
    const auto [known, first] = footprint.counters.try_emplace(name, value);
    if (!first) known->second = std::min(known->second, value);
}

Status look_at_pages(GuestLink& guest, Deadline deadline, Footprint& footprint) {
    MEMRIG_TRY(const auto figures, guest.memory(deadline));
    for (const auto& zone : figures.zones)
        footprint.facts[fmt::format("node {} zone {}", zone.node, zone.zone)] =
            fmt::format("{} present, {} managed, {} spanned pages", zone.present, zone.managed, zone.spanned);
    for (const auto& [name, kilobytes] : figures.meminfo)
        if (name == "MemTotal") footprint.facts[name] = fmt::format("{} kB", kilobytes);
    return {};
}

Status count_objects(GuestLink& guest, Deadline deadline, Footprint& footprint) {
    MEMRIG_TRY(const auto slabs, guest.slabs(deadline));
    for (const auto& [cache, objects] : slabs)
        if (cache != kFreedLater) keep_lowest(footprint, "objects in slab " + cache, objects);
    return {};
}

void compare_facts(const Footprint& before, const Footprint& after, std::vector<std::string>& lines) {
    auto was = before.facts;
    auto is = after.facts;
    for (const auto& [name, text] : before.facts) is.try_emplace(name);
    for (const auto& [name, text] : after.facts) was.try_emplace(name);
    for (const auto& [name, text] : was)
        if (const std::string& now = is.at(name); now != text)
            lines.push_back(
                fmt::format("{}: \"{}\" was \"{}\"", name, first_other_line(now, text), first_other_line(text, now)));
}

std::uint64_t counted(const Footprint& footprint, const std::string& name) {
    const auto found = footprint.counters.find(name);
    return found == footprint.counters.end() ? 0 : found->second;
}

}  // namespace

Result<Footprint> take_footprint(QmpClient& qmp, GuestLink& guest, Deadline deadline) {
    Footprint footprint;
    for (const char* path : {"/objects", "/machine/peripheral", "/machine/peripheral-anon"}) {
        MEMRIG_TRY(footprint.facts[std::string("QEMU's ") + path], names_below(qmp, path, deadline));
    }
    MEMRIG_TRY(const auto devices, ask_qemu(qmp, "query-memory-devices", {}, deadline, Fault::rig));
    footprint.facts["QEMU's memory devices"] = devices.dump();
    MEMRIG_TRY(footprint.facts["/proc/iomem"], guest.read_guest_file("/proc/iomem", deadline));
    MEMRIG_TRY(const auto blocks, guest.blocks(deadline));
    std::string& states = footprint.facts["the memory blocks"];
    for (const auto& block : blocks)
        states += fmt::format("memory{} {} {} node {}\n", block.id, block.state, block.valid_zones, block.node);
    MEMRIG_CHECK(look_at_pages(guest, deadline, footprint));
    for (int look = 0; look < kLooks; look++) MEMRIG_CHECK(count_objects(guest, deadline, footprint));
    return footprint;
}

std::vector<std::string> growing(std::span<const Footprint> footprints) {
    std::vector<std::string> names;
    if (footprints.size() < 2) return names;
    for (const auto& [name, now] : footprints.back().counters) {
        const auto stops = [&](const Footprint& before, const Footprint& after) {
            return counted(after, name) < counted(before, name) + after.round - before.round;
        };
        if (std::ranges::adjacent_find(footprints, stops) == footprints.end()) names.push_back(name);
    }
    return names;
}

std::vector<std::string> drift(const std::vector<Footprint>& footprints, std::size_t least) {
    std::vector<std::string> lines;
    if (footprints.size() < 2) return lines;
    const Footprint& first = footprints.front();
    const Footprint& last = footprints.back();
    for (const auto& later : footprints)
        if (lines.empty()) compare_facts(first, later, lines);
    if (footprints.size() < least) return lines;
    for (const auto& name : growing(footprints)) {
        const std::uint64_t now = counted(last, name), was = counted(first, name);
        lines.push_back(fmt::format("{}: {} more after {} rounds ({}, was {})", name, now - was,
                                    last.round - first.round, now, was));
    }
    return lines;
}

std::vector<std::string> stopped_growing(const std::vector<Footprint>& footprints, std::size_t suspected) {
    std::vector<std::string> lines;
    if (footprints.size() <= suspected) return lines;
    const std::span<const Footprint> all(footprints);
    const auto at_last = growing(all);
    for (const auto& name : growing(all.first(suspected))) {
        if (std::ranges::find(at_last, name) != at_last.end()) continue;
        const Footprint& then = all[suspected - 1];
        lines.push_back(fmt::format("{} grew by {} up to round {}, and by {} up to round {}", name,
                                    counted(then, name) - counted(all.front(), name), then.round,
                                    static_cast<std::int64_t>(counted(all.back(), name) - counted(all.front(), name)),
                                    all.back().round));
    }
    return lines;
}

std::string changes(const Footprint& before, const Footprint& after) {
    std::string text;
    for (const auto& [name, now] : after.counters)
        if (const std::uint64_t was = counted(before, name); was != now)
            text += fmt::format("{}{} {} -> {}", text.empty() ? "" : ", ", name, was, now);
    return text;
}

}  // namespace memrig
