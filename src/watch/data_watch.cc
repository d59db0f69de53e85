#include "watch/data_watch.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/log.h"
#include "probe/architecture.h"
#include "watch/lock_names.h"

namespace memrig {

namespace {
constexpr const char* kDataRule = "R10";
constexpr std::uint64_t kPointerBytes = 8;
constexpr std::uint64_t kMostNodes = 1024;  // MAX_NUMNODES, at most

}  // namespace

// arch/x86/mm/numa.c and others: node_data[]; without NUMA mm/memblock.c: contig_page_data.
Result<std::map<unsigned, std::uint64_t>> node_places(Probe& probe, const SymbolTable& symbols) {
    std::map<unsigned, std::uint64_t> nodes;
    if (const auto only = symbols.unique("contig_page_data")) nodes.emplace(0, *only);
    const auto table = symbols.unique("node_data");
    if (!table || !nodes.empty()) return nodes;
    const std::uint64_t count = std::min((symbols.end_of(*table) - *table) / kPointerBytes, kMostNodes);
    std::vector<std::uint64_t> places;
    for (std::uint64_t i = 0; i < count; i++) places.push_back(*table + i * kPointerBytes);
    MEMRIG_TRY(const auto pointers, probe.read_words(0, places));
    for (unsigned node = 0; node < pointers.size(); node++)
        if (is_kernel_address(pointers[node])) nodes.emplace(node, pointers[node]);
    return nodes;
}

std::string HotplugFigure::text() const {
    if (!zone.empty()) return fmt::format("{} of zone {}, node {}", name, zone, node);
    return name.starts_with("node_") ? fmt::format("{} of node {}", name, node) : name;
}

Result<std::vector<HotplugFigure>> hotplug_figures(Probe& probe, const SymbolTable& symbols, const MemoryLayout& layout,
                                                   ZonesToWatch zones) {
    std::vector<HotplugFigure> figures;
    MEMRIG_TRY(const auto nodes, node_places(probe, symbols));
    for (const auto& [node, data] : nodes) {
        for (const auto& [index, zone] : layout.zones) {
            if (zones == ZonesToWatch::added && index < layout.first_added) continue;
            for (const auto& [name, offset] : layout.zone_figures)
                figures.push_back({data + layout.zones_at + index * layout.zone_bytes + offset, name, zone, node});
        }
        for (const auto& [name, offset] : layout.node_figures) figures.push_back({data + offset, name, "", node});
    }
    if (figures.empty()) return figures;
    for (const char* variable : {"max_pfn", "high_memory"})
        if (const auto address = symbols.unique(variable)) figures.push_back({*address, variable, "", 0});
    return figures;
}

Result<std::unique_ptr<DataWatch>> DataWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols, std::vector<HotplugFigure> figures,
                                                   const std::string& gap) {
    std::unique_ptr<DataWatch> made(new DataWatch(conductor, ledger, symbols));
    const bool knows_lock = ledger.watches(locks::mem_hotplug);
    if (figures.empty() || !knows_lock)
        made->gaps_.push_back(
            {{kDataRule, ""}, knows_lock ? gap : fmt::format("{} is not watched", locks::mem_hotplug)});
    if (!knows_lock) return made;
    for (auto& figure : figures) {
        MEMRIG_CHECK(conductor.watch_writes(figure.address));
        made->figures_.emplace(figure.address, std::move(figure));
    }
    MEMRIG_TRY(made->values_, made->read_all(0));
    made->stops_ = conductor.on_stop([self = made.get()](const Arrival& stop) { return self->at_stop(stop); });
    return made;
}

Result<std::map<std::uint64_t, std::uint64_t>> DataWatch::read_all(unsigned vcpu) {
    std::vector<std::uint64_t> addresses;
    for (const auto& [address, figure] : figures_) addresses.push_back(address);
    std::map<std::uint64_t, std::uint64_t> values;
    if (addresses.empty()) return values;
    MEMRIG_TRY(const auto words, conductor_.probe().read_words(vcpu, addresses));
    MEMRIG_ASSERT(words.size() == addresses.size(), "the probe reads a word at each address");
    for (std::size_t i = 0; i < addresses.size(); i++) values.emplace(addresses[i], words[i]);
    return values;
}

Status DataWatch::at_stop(const Arrival& stop) {
    if (figures_.empty()) return {};
    MEMRIG_TRY(auto now, read_all(stop.vcpu));
    const auto before = std::exchange(values_, std::move(now));
    const auto figure = figures_.find(stop.address);
    if (figure == figures_.end() || before.at(stop.address) == values_.at(stop.address)) return {};
    return at_write(figure->second, stop);
}

Status DataWatch::end() {
    if (figures_.empty()) return {};
    for (const auto& [address, figure] : figures_) MEMRIG_CHECK(conductor_.unwatch_writes(address));
    figures_.clear();
    gaps_.push_back({{kDataRule, ""}, "the figures of zones were not watched any more once the guest got nowhere"});
    return {};
}

// A per-CPU rwsem has one writer, so the last event of one decides.
bool DataWatch::is_held_by_a_writer() const {
    for (const auto& event : ledger_.events() | std::views::reverse)
        if (event.lock == locks::mem_hotplug && !event.shared &&
            (event.action == LockAction::takes || event.action == LockAction::releases))
            return event.action == LockAction::takes;
    return false;
}

Status DataWatch::at_write(const HotplugFigure& figure, const Arrival& write) {
    if (is_held_by_a_writer()) {
        checks_++;
        return {};
    }
    const auto held = ledger_.held_by(write.task);
    if (breaches_.size() >= kMostBreaches) return {};
    RuleBreach breach{
        kDataRule, std::string(symbols_.function(write.registers.pc())), locks::mem_hotplug, write.task, {}, {}};
    breach.reproach = fmt::format("and wrote {} without {}", figure.text(), locks::mem_hotplug);
    MEMRIG_TRY(breach.path, paths_.read(conductor_.probe(), write, kPathDepth));
    for (const auto& event : held) breach.held.push_back(held_text(event));
    logger(LogLayer::watch).info("rule {} is broken in {} by task {:x}", kDataRule, breach.function, breach.task);
    breaches_.push_back(std::move(breach));
    return {};
}

}  // namespace memrig
