// Finds and watches the entries of a kernel function by the function's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Returns every address of the function that a call may land on. Fault::guest if the kernel has no such function.
Result<std::vector<std::uint64_t>> entries_of(Probe& probe, const SymbolTable& symbols, const std::string& function);

// Watches each address of entries_of() until the conductor's unwatch_all(). Call it on the conductor's thread.
Status watch_function(Conductor& conductor, const SymbolTable& symbols, const std::string& function,
                      const Conductor::Handler& handler, Priority priority = Priority::observe);

}  // namespace memrig
