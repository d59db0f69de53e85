// How a task came to where it is, read from its kernel stack while the guest stands still.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// Of a path that is kept for reports.
inline constexpr std::size_t kPathDepth = 6;

// Finds return addresses as the kernel's own unwinder of last resort does (arch/x86/kernel/unwind_guess.c): words on the stack that
// point behind a call in the kernel's text. It may name a call that has returned already, and leaves out what was inlined.
class CallPaths {
public:
    explicit CallPaths(const SymbolTable& symbols) : symbols_(symbols) {}

    // Innermost first, "function+0x1c", at most `depth`.
    Result<std::vector<std::string>> read(Probe& probe, const Arrival& arrival, std::size_t depth);

private:
    Result<bool> is_return_address(Probe& probe, unsigned vcpu, std::uint64_t address);

    const SymbolTable& symbols_;
    std::map<std::uint64_t, bool> judged_;  // kernel text does not change where we look at it
};

}  // namespace memrig
