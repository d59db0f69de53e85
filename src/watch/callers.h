// Tells the calls of a kernel function apart by the functions that make them.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Fault::guest if the kernel has none of these functions. An empty list stands for all callers.
Status check_callers(const SymbolTable& symbols, const std::vector<std::string>& callers);

// Returns whether one of these functions made the call; true if the list is empty. Call it from a handler at the
// function's entry.
Result<bool> is_called_from(Conductor& conductor, const SymbolTable& symbols, const Arrival& entry,
                            const std::vector<std::string>& callers);

}  // namespace memrig
