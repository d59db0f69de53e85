// Finds the direct calls in a kernel function's code.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "probe/probe.h"
#include "probe/symbols.h"

namespace memrig {

struct DirectCall {
    std::uint64_t at;      // the address of the call
    std::uint64_t behind;  // the address of what comes after it
    std::uint64_t target;
};

// Returns the direct calls in the code of the function at `function`, up to its 16 KiB: those whose target is the entry
// of a function, or on ppc64le its local entry. Empty if the code cannot be read. REQUIRES: the guest is stopped.
Result<std::vector<DirectCall>> direct_calls(Probe& probe, const SymbolTable& symbols, std::uint64_t function);

}  // namespace memrig
