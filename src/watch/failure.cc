#include "watch/failure.h"

#include "base/assert.h"
#include "base/log.h"
#include "probe/function_watch.h"

namespace memrig {

Result<std::unique_ptr<Failure>> Failure::make(Conductor& conductor, const SymbolTable& symbols,
                                               const FailureSpec& spec) {
    MEMRIG_ASSERT(!spec.path.empty() && spec.nth > 0, "a failure names one call");
    std::unique_ptr<Failure> made(new Failure(conductor, symbols, spec));
    MEMRIG_TRY(made->entries_, entries_of(conductor.probe(), symbols, spec.function));
    return made;
}

// A caller that the kernel has no symbol for is no gate.
Status Failure::begin(std::uint64_t task, const std::string& entry) {
    MEMRIG_CHECK(end());
    if (came_to_pass_) return {};
    task_ = task;
    gates_.clear();
    for (auto caller = spec_.path.rbegin(); caller != spec_.path.rend(); ++caller) {
        if (*caller == entry || symbols_.all(*caller).empty()) continue;
        MEMRIG_TRY(auto entries, entries_of(conductor_.probe(), symbols_, *caller));
        gates_.push_back({std::move(entries)});
    }
    gates_.push_back({entries_});
    return open(0);
}

Status Failure::end() { return close(0); }

Status Failure::open(std::size_t gate) {
    MEMRIG_ASSERT(gate < gates_.size(), "there is such a gate");
    if (!gates_[gate].watches.empty()) return {};  // the caller calls itself
    const auto watch = [&](Priority priority, const Conductor::Handler& handler) -> Status {
        for (const auto entry : gates_[gate].entries) {
            MEMRIG_TRY(const auto id, conductor_.watch(entry, handler, priority));
            gates_[gate].watches.push_back(id);
        }
        return {};
    };
    if (gate + 1 < gates_.size())
        return watch(Priority::observe, [this, gate](const Arrival& arrival) { return at_gate(gate, arrival); });
    MEMRIG_CHECK(watch(Priority::rule, [this](const Arrival& arrival) { return count(arrival); }));
    return watch(Priority::elide, [this](const Arrival& arrival) { return leave(arrival); });
}

Status Failure::close(std::size_t gate) {
    for (; gate < gates_.size(); gate++)
        for (const auto id : std::exchange(gates_[gate].watches, {})) MEMRIG_CHECK(conductor_.unwatch(id));
    return {};
}

Result<Response> Failure::at_gate(std::size_t gate, const Arrival& arrival) {
    if (arrival.task != task_ || !gates_[gate + 1].watches.empty()) return Response::pass();
    MEMRIG_CHECK(open(gate + 1));
    MEMRIG_CHECK(conductor_.on_return(
        arrival, [this, gate](const Arrival&, std::uint64_t) -> Status { return close(gate + 1); }));
    return Response::pass();
}

Result<bool> Failure::is_on_path(const Arrival& arrival) {
    MEMRIG_TRY(const auto callers,
               paths_.chain(conductor_, arrival, spec_.path.size(), [](std::string_view) { return false; }));
    if (callers.size() != spec_.path.size()) return false;
    for (std::size_t i = 0; i < callers.size(); i++)
        if (symbols_.function(callers[i]) != spec_.path[i]) return false;
    return true;
}

Result<Response> Failure::count(const Arrival& arrival) {
    is_due_ = false;
    if (arrival.task != task_ || came_to_pass_) return Response::pass();
    MEMRIG_TRY(const bool on_path, is_on_path(arrival));
    if (on_path) is_due_ = ++calls_ == spec_.nth;
    return Response::pass();
}

Result<Response> Failure::leave(const Arrival& arrival) {
    if (!is_due_ || arrival.task != task_) return Response::pass();
    is_due_ = false;
    came_to_pass_ = true;
    logger(LogLayer::watch).info("{}() fails for {}: call {} of its path", spec_.function, spec_.actor, calls_);
    MEMRIG_CHECK(end());
    return Response::leave(spec_.value);
}

}  // namespace memrig
