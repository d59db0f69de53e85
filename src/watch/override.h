// An override: an argument that a kernel function is called with, changed on the way in. It lets a stock kernel go the way of another
// configuration, e.g. one without NUMA, which would not look at a memory block's node.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

struct OverrideSpec {
    std::string function;
    unsigned argument = 0;  // from 0
    std::int32_t from = 0;  // only where it is this (its low 32 bits: an int of the kernel's)
    std::int32_t to = 0;
};

// In force from make() to its end; the conductor must outlive it. Same thread as the conductor.
class Override {
public:
    static Result<std::unique_ptr<Override>> make(Conductor& conductor, const SymbolTable& symbols,
                                                  const OverrideSpec& order);
    // How often it changed something.
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] const OverrideSpec& order() const { return order_; }

private:
    Override(Conductor& conductor, OverrideSpec order) : conductor_(conductor), order_(std::move(order)) {}
    Result<Response> at_entry(const Arrival& arrival);

    Conductor& conductor_;
    OverrideSpec order_;
    std::uint64_t count_ = 0;
};

}  // namespace memrig
