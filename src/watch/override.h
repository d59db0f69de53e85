// An override changes an argument of a kernel function at the function's entry. A stock kernel then behaves like one of
// another configuration, e.g. one without NUMA, which does not look at a memory block's node.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

struct OverrideSpec {
    std::string function;
    unsigned argument = 0;  // from 0
    // Only calls with this value are changed (its low 32 bits are compared, as an int's); nothing: all calls.
    std::optional<std::int32_t> from = 0;
    std::int32_t to = 0;                    // sign-extended to the whole register
    std::vector<std::string> callers = {};  // only calls from these functions are changed; empty: from all
};

// In force from make() until it is destroyed. Conductor and symbols must outlive it. Used on the conductor's thread.
class Override {
public:
    // Fault::guest if the kernel lacks the function, or all of the callers. REQUIRES: the argument is in a register.
    static Result<std::unique_ptr<Override>> make(Conductor& conductor, const SymbolTable& symbols,
                                                  const OverrideSpec& spec);
    // Returns how many calls it changed.
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] const OverrideSpec& order() const { return spec_; }

private:
    Override(Conductor& conductor, const SymbolTable& symbols, OverrideSpec spec)
        : conductor_(conductor), symbols_(symbols), spec_(std::move(spec)) {}
    Result<Response> at_entry(const Arrival& arrival);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    OverrideSpec spec_;
    std::uint64_t count_ = 0;
};

}  // namespace memrig
