// Reads a task's call path from its kernel stack while the guest is stopped.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

// The most callers in a path that is kept for reports.
inline constexpr std::size_t kPathDepth = 6;

// Finds return addresses like the kernel's own unwinder of last resort (arch/x86/kernel/unwind_guess.c): words on the
// stack that point behind a call in the kernel's text. A path may name a call that has already returned, and leaves out
// inlined functions. The symbols must outlive it. Not thread-safe.
class CallPaths {
public:
    explicit CallPaths(const SymbolTable& symbols) : symbols_(symbols) {}

    // Returns at most `depth` callers, innermost first, as "function+0x1c". REQUIRES: `depth` is at least 1.
    Result<std::vector<std::string>> read(Probe& probe, const Arrival& arrival, std::size_t depth);
    // The same, as return addresses.
    Result<std::vector<std::uint64_t>> addresses(Probe& probe, const Arrival& arrival, std::size_t depth);

private:
    Result<bool> is_return_address(Probe& probe, unsigned vcpu, std::uint64_t address);

    const SymbolTable& symbols_;
    // The answers of is_return_address(), by address. They stay valid: kernel text does not change at these places.
    std::map<std::uint64_t, bool> judged_;
};

}  // namespace memrig
