#include "watch/override.h"

#include "base/assert.h"
#include "probe/function_watch.h"

namespace memrig {

Result<std::unique_ptr<Override>> Override::make(Conductor& conductor, const SymbolTable& symbols,
                                                 const OverrideSpec& spec) {
    MEMRIG_ASSERT(spec.argument < conductor.probe().architecture().arguments.size(), "the argument is in a register");
    std::unique_ptr<Override> made(new Override(conductor, spec));
    Override* self = made.get();
    MEMRIG_CHECK(watch_function(
        conductor, symbols, spec.function, [self](const Arrival& arrival) { return self->at_entry(arrival); },
        Priority::elide));
    return made;
}

Result<Response> Override::at_entry(const Arrival& arrival) {
    if (static_cast<std::int32_t>(arrival.registers.argument(spec_.argument)) != spec_.from) return Response::pass();
    const auto name = conductor_.probe().architecture().arguments.at(spec_.argument);
    MEMRIG_CHECK(conductor_.probe().set_register(arrival.vcpu, name,
                                                 static_cast<std::uint64_t>(static_cast<std::int64_t>(spec_.to))));
    count_++;
    return Response::pass();
}

}  // namespace memrig
