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

// At the same address, who is told first may keep the others from being told: it holds the vCPU or sends it elsewhere.
enum class Turn { last, first };
// Each of those addresses is watched, for good. Same thread as the conductor.
Status watch_function(Conductor& conductor, const SymbolTable& symbols, const std::string& function,
                      const Conductor::Handler& handler, Turn turn = Turn::last);

}  // namespace memrig
