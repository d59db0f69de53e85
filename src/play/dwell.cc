#include "play/dwell.h"

#include <algorithm>
#include <memory>

#include "probe/function_watch.h"

namespace memrig {

namespace {
// Every architecture and every kind of timer comes to this function once for each tick of a vCPU (kernel/time/timer.c).
constexpr const char* kTick = "update_process_times";
}  // namespace

Result<RunEnd> Dwell::outlast(const std::function<bool(const EvidenceRecord&)>& asked, Deadline give_up) {
    for (;;) {
        const auto& evidence = record_.performance().evidence;
        const auto next = std::ranges::find_if(evidence, [&](const EvidenceRecord& one) {
            return is_momentary(one.evidence.kind) && one.vcpu && !one.during.empty() && !one.revoked && asked(one);
        });
        if (next == evidence.end() || next->lasted) return RunEnd::done;
        MEMRIG_TRY(const RunEnd end, outlast_one(static_cast<std::size_t>(next - evidence.begin()), give_up));
        if (end == RunEnd::expired || record_.crashed()) return end;
    }
}

std::map<std::string, ObservedCall> Dwell::calls() { return {{kTick, {}}}; }

Result<RunEnd> Dwell::outlast_one(std::size_t index, Deadline give_up) {
    MEMRIG_CHECK(conductor_.pause());
    MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, kTick));
    const bool told = observer_ != nullptr && entries.size() == 1 && observer_->tells_calls_of(entries.front());
    MEMRIG_TRY(const RunEnd end,
               told ? outlast_unstopped(index, entries.front(), give_up) : outlast_by_stops(index, entries, give_up));
    if (end == RunEnd::done && !record_.crashed() && !seen(index).revoked) record_.note_lasted(index, kDwellTicks);
    return end;
}

Result<RunEnd> Dwell::outlast_unstopped(std::size_t index, std::uint64_t tick, Deadline give_up) {
    MEMRIG_CHECK(conductor_.look());  // the ticks until now do not count
    observer_->stop_after_calls(tick, *seen(index).vcpu, kDwellTicks);
    const auto over = [&] { return record_.crashed() || seen(index).revoked || observer_->calls_to_come() == 0; };
    const auto end = stalls_.run_until(over, give_up);
    observer_->stop_after_calls(tick, *seen(index).vcpu, 0);
    if (!end) return std::unexpected(end.error());
    MEMRIG_CHECK(conductor_.pause());
    return *end;
}

Result<RunEnd> Dwell::outlast_by_stops(std::size_t index, const std::vector<std::uint64_t>& entries, Deadline give_up) {
    // The handler may outlive this call: if there is an error, its breakpoint stays.
    const auto ticks = std::make_shared<unsigned>(0);
    const auto count = [ticks, vcpu = seen(index).vcpu](const Arrival& arrival) -> Result<Response> {
        if (arrival.vcpu == vcpu) ++*ticks;
        return Response::pass();
    };
    std::vector<Conductor::WatchId> watches;
    for (const auto entry : entries) {
        MEMRIG_TRY(const auto watch, conductor_.watch(entry, count));
        watches.push_back(watch);
    }
    const auto over = [&] { return record_.crashed() || seen(index).revoked || *ticks >= kDwellTicks; };
    MEMRIG_TRY(const RunEnd end, stalls_.run_until(over, give_up));
    MEMRIG_CHECK(conductor_.pause());
    for (const auto watch : watches) MEMRIG_CHECK(conductor_.unwatch(watch));
    return end;
}

}  // namespace memrig
