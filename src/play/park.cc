#include "play/park.h"

#include "base/assert.h"
#include "probe/function_watch.h"

namespace memrig {

namespace {
constexpr const char* kSleep = "msleep";
}

bool can_park(const SymbolTable& symbols) { return symbols.unique(kSleep).has_value(); }

Result<Response> park(Conductor& conductor, const SymbolTable& symbols, std::uint64_t milliseconds) {
    MEMRIG_ASSERT(can_park(symbols), "the kernel has what tasks are parked in");
    MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, kSleep));
    return Response::call(entries.front(), milliseconds);
}

}  // namespace memrig
