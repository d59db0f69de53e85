#include "run/idle_counters.h"

#include <array>

#include <fmt/format.h>

#include "play/while_running.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kIdlePatience = 1min;
// A counter that is not as before in so many looks, with a question to the agent between them, is left over.
constexpr unsigned kIdleLooks = 20;

// mm/swap.c: how many tasks keep pages from being gathered in per-CPU batches, such as offline_pages().
constexpr std::array kIdleNames = {"lru_disable_count"};

}  // namespace

Result<IdleCounters> read_idle_counters(Probe& probe, const SymbolTable& symbols) {
    IdleCounters counters;
    for (const char* name : kIdleNames) {
        const auto addresses = symbols.all(name);
        if (addresses.size() != 1) continue;
        MEMRIG_TRY(const std::uint64_t word, probe.read_u64(0, addresses.front()));
        counters[name] = static_cast<std::int32_t>(word);
    }
    return counters;
}

Result<std::vector<std::string>> left_over_since(const IdleCounters& before, Machine& machine, Conductor& conductor,
                                                 const SymbolTable& symbols) {
    MEMRIG_CHECK(conductor.pause());
    MEMRIG_TRY(IdleCounters now, read_idle_counters(conductor.probe(), symbols));
    // A task that was just at work may still hold one of them.
    for (unsigned looks = 0; now != before && looks < kIdleLooks; looks++) {
        const auto answered =
            while_running(conductor, [&] { return machine.agent().blocks(Deadline::after(kIdlePatience)); });
        if (!answered) return std::unexpected(answered.error());
        MEMRIG_CHECK(conductor.pause());
        MEMRIG_TRY(now, read_idle_counters(conductor.probe(), symbols));
    }
    std::vector<std::string> lines;
    for (const auto& [name, value] : now)
        if (const auto was = before.find(name); was != before.end() && was->second != value)
            lines.push_back(fmt::format("{} is {}, not {} as before", name, value, was->second));
    return lines;
}

}  // namespace memrig
