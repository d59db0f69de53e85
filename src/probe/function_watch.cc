#include "probe/function_watch.h"

#include "base/assert.h"

namespace memrig {

Result<std::vector<std::uint64_t>> entries_of(Probe& probe, const SymbolTable& symbols, const std::string& function) {
    std::vector<std::uint64_t> entries = symbols.all(function);
    if (entries.empty()) return fail(Fault::guest, "this kernel has no symbol {}", function);
    for (auto& entry : entries) {
        MEMRIG_TRY(const std::string code, probe.read_memory(0, entry, 4));
        entry += probe.architecture().entry_offset(code);
    }
    return entries;
}

Status watch_function(Conductor& conductor, const SymbolTable& symbols, const std::string& function,
                      const Conductor::Handler& handler, Priority priority) {
    MEMRIG_ASSERT(handler, "a watched function has a handler");
    MEMRIG_TRY(const auto entries, entries_of(conductor.probe(), symbols, function));
    for (const auto entry : entries) MEMRIG_CHECK(conductor.watch(entry, handler, priority));
    return {};
}

}  // namespace memrig
