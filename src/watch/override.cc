#include "watch/override.h"

#include "base/assert.h"
#include "probe/function_watch.h"
#include "watch/callers.h"

namespace memrig {

Result<std::unique_ptr<Override>> Override::make(Conductor& conductor, const SymbolTable& symbols,
                                                 const OverrideSpec& spec) {
    MEMRIG_ASSERT(spec.argument < conductor.probe().architecture().arguments.size(), "the argument is in a register");
    MEMRIG_CHECK(check_callers(symbols, spec.callers));
    std::unique_ptr<Override> made(new Override(conductor, symbols, spec));
    Override* self = made.get();
    MEMRIG_CHECK(watch_function(
        conductor, symbols, spec.function, [self](const Arrival& arrival) { return self->at_entry(arrival); },
        Priority::elide));
    return made;
}

Result<Response> Override::at_entry(const Arrival& arrival) {
    if (spec_.from && static_cast<std::int32_t>(arrival.registers.argument(spec_.argument)) != *spec_.from)
        return Response::pass();
    MEMRIG_TRY(const bool called_there, is_called_from(conductor_, symbols_, arrival, spec_.callers));
    if (!called_there) return Response::pass();
    const auto name = conductor_.probe().architecture().arguments.at(spec_.argument);
    MEMRIG_CHECK(conductor_.probe().set_register(arrival.vcpu, name,
                                                 static_cast<std::uint64_t>(static_cast<std::int64_t>(spec_.to))));
    count_++;
    return Response::pass();
}

}  // namespace memrig
