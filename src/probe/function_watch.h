// Kernel functions by name: where their calls land, and who is told of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Every address of a function that calls may land on; Fault::guest, naming it, where the kernel has none.
Result<std::vector<std::uint64_t>> entries_of(Probe& probe, const SymbolTable& symbols, const std::string& function);

// Watches each of those addresses, for good. Same thread as the conductor.
Status watch_function(Conductor& conductor, const SymbolTable& symbols, const std::string& function,
                      const Conductor::Handler& handler, Priority priority = Priority::observe);

}  // namespace memrig
