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

Status Failure::begin(std::uint64_t task) {
    MEMRIG_CHECK(end());
    if (came_to_pass_) return {};
    task_ = task;
    for (const auto entry : entries_) {
        MEMRIG_TRY(
            const auto id,
            conductor_.watch(entry, [this](const Arrival& arrival) { return at_entry(arrival); }, Priority::elide));
        watches_.push_back(id);
    }
    return {};
}

Status Failure::end() {
    for (const auto id : std::exchange(watches_, {})) MEMRIG_CHECK(conductor_.unwatch(id));
    return {};
}

Result<bool> Failure::is_on_path(const Arrival& arrival) {
    MEMRIG_TRY(const auto callers,
               paths_.chain(conductor_, arrival, spec_.path.size(), [](std::string_view) { return false; }));
    if (callers.size() != spec_.path.size()) return false;
    for (std::size_t i = 0; i < callers.size(); i++)
        if (symbols_.function(callers[i]) != spec_.path[i]) return false;
    return true;
}

Result<Response> Failure::at_entry(const Arrival& arrival) {
    if (arrival.task != task_ || came_to_pass_) return Response::pass();
    MEMRIG_TRY(const bool on_path, is_on_path(arrival));
    if (!on_path || ++calls_ < spec_.nth) return Response::pass();
    came_to_pass_ = true;
    logger(LogLayer::watch).info("{}() fails for {}: call {} of its path", spec_.function, spec_.actor, calls_);
    MEMRIG_CHECK(end());
    return Response::leave(spec_.value);
}

}  // namespace memrig
