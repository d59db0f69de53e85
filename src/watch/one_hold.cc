#include "watch/one_hold.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/log.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"
#include "watch/roles.h"

namespace memrig {

namespace {
constexpr const char* kOneHoldRule = "R9";
constexpr const char* kHoldLock = "device_hotplug_lock";
constexpr const char* kRemovingFunction = "{remover}";
constexpr const char* kOffliningFunction = "memory_subsys_offline";
// The functions that offline a device's blocks and remove its memory in one go. A kernel has some of them.
constexpr const char* kOperations[] = {"acpi_device_hotplug", "{offline-remover}", "dlpar_memory"};
}  // namespace

Result<std::unique_ptr<OneHoldWatch>> OneHoldWatch::make(Conductor& conductor, const LockLedger& ledger,
                                                         const SymbolTable& symbols, std::uint64_t block_bytes) {
    std::unique_ptr<OneHoldWatch> made(new OneHoldWatch(conductor, ledger, symbols, block_bytes));
    OneHoldWatch* self = made.get();
    if (!ledger.watches(kHoldLock)) {
        made->gaps_.push_back({{kOneHoldRule, ""}, fmt::format("{} is not watched", kHoldLock)});
        return made;
    }
    made->removing_ = player_of(kRemovingFunction, symbols).value_or("");
    const auto begins = [self](const Arrival& arrival) { return self->operation_begins(arrival); };
    bool any = false;
    std::vector<std::string> missing;
    for (const char* function : kOperations) {
        MEMRIG_TRY(const bool there, made->watch(symbols, function, begins));
        any = any || there;
        if (!there) missing.push_back(why_not_played(function));
    }
    if (!any) made->gaps_.push_back({{kOneHoldRule, ""}, fmt::format("{}", fmt::join(missing, ", "))});
    const auto offlines = [self](const Arrival& arrival) { return self->at_offline(arrival); };
    const auto removes = [self](const Arrival& arrival) { return self->at_remove(arrival); };
    for (const auto& [function, handler] :
         {std::pair<const char*, Conductor::Handler>{kOffliningFunction, offlines}, {kRemovingFunction, removes}}) {
        MEMRIG_TRY(const bool there, made->watch(symbols, function, handler));
        if (!there) made->gaps_.push_back({{kOneHoldRule, ""}, why_not_played(function)});
    }
    return made;
}

Result<bool> OneHoldWatch::watch(const SymbolTable& symbols, const char* function, const Conductor::Handler& handler) {
    const auto player = player_of(function, symbols);
    if (!player) return false;
    MEMRIG_CHECK(watch_function(conductor_, symbols, *player, handler));
    return true;
}

std::optional<SteadyTime> OneHoldWatch::hold_of(std::uint64_t task) const {
    const auto held = ledger_.held_by(task);
    const auto hold = std::ranges::find(held, kHoldLock, &LockEvent::lock);
    return hold == held.end() ? std::nullopt : std::optional(hold->at);
}

Result<Response> OneHoldWatch::operation_begins(const Arrival& arrival) {
    operations_[arrival.task].depth++;
    const auto ends = [this](const Arrival& returned, std::uint64_t) -> Status {
        const auto operation = operations_.find(returned.task);
        if (operation != operations_.end() && --operation->second.depth == 0) operations_.erase(operation);
        return {};
    };
    MEMRIG_CHECK(conductor_.on_return(arrival, ends));
    return Response::pass();
}

// Without the lock, the task breaks R3 here, and there is no hold that could end.
Result<Response> OneHoldWatch::at_offline(const Arrival& arrival) {
    const auto taken = hold_of(arrival.task);
    if (!taken || !operations_.contains(arrival.task)) return Response::pass();
    MEMRIG_TRY(const auto block, memory_block_of(conductor_.probe(), arrival.vcpu, arrival.registers.argument(0)));
    if (!block) return Response::pass();
    const auto note = [this, block = *block, taken = *taken](const Arrival& returned, std::uint64_t value) -> Status {
        const auto operation = operations_.find(returned.task);
        if (operation == operations_.end() || static_cast<std::int32_t>(value) != 0) return {};
        std::erase_if(operation->second.offlined, [&](const Offlined& one) { return one.block == block; });
        operation->second.offlined.push_back({block, taken});
        return {};
    };
    MEMRIG_CHECK(conductor_.on_return(arrival, note));
    return Response::pass();
}

Result<Response> OneHoldWatch::at_remove(const Arrival& arrival) {
    const auto operation = operations_.find(arrival.task);
    if (operation == operations_.end()) return Response::pass();
    const RemovedRange range =
        removed_range({arrival.registers.argument(0), arrival.registers.argument(1), arrival.registers.argument(2)});
    const auto now = hold_of(arrival.task);
    bool checked = false;
    for (const auto& [block, taken] : operation->second.offlined) {
        const std::uint64_t address = block * block_bytes_;
        if (address < range.start || address - range.start >= range.bytes) continue;
        if (!checked) checks_++;
        checked = true;
        if (now == taken || breaches_.size() >= kMostBreaches) continue;
        RuleBreach breach{kOneHoldRule, removing_, kHoldLock, arrival.task, {}, {}};
        breach.reproach = fmt::format("although it has given back {} since it took memory{} offline", kHoldLock, block);
        MEMRIG_TRY(breach.path, paths_.read(conductor_.probe(), arrival, kPathDepth));
        for (const auto& event : ledger_.held_by(arrival.task)) breach.held.push_back(held_text(event));
        logger(LogLayer::watch)
            .info("rule {} is broken in {} by task {:x}", kOneHoldRule, breach.function, breach.task);
        breaches_.push_back(std::move(breach));
        break;  // one hold that ended is one breach, however many blocks there are
    }
    return Response::pass();
}

}  // namespace memrig
