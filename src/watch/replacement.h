// A replacement makes certain callers call another kernel function instead of the one that they mean. A stock kernel
// then behaves as if the other function stood there in the source.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

struct ReplacementSpec {
    std::string function;
    std::string by;                    // is called instead, with the same arguments
    std::vector<std::string> callers;  // only calls from these functions are replaced
    // The return value that the caller sees; nothing: that of `by`. With a value, `by` gets the first argument only.
    std::optional<std::uint64_t> value = {};
};

// In force from make() until it is destroyed. The conductor and the symbols must outlive it. Used on the conductor's
// thread.
class Replacement {
public:
    // Fault::guest if the kernel lacks one of the functions, or has none of the callers.
    static Result<std::unique_ptr<Replacement>> make(Conductor& conductor, const SymbolTable& symbols,
                                                     const ReplacementSpec& spec);
    // Returns how many calls it replaced.
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] const ReplacementSpec& order() const { return spec_; }

private:
    Replacement(Conductor& conductor, const SymbolTable& symbols, ReplacementSpec spec)
        : conductor_(conductor), symbols_(symbols), spec_(std::move(spec)) {}
    Result<Response> at_entry(const Arrival& arrival);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    ReplacementSpec spec_;
    std::uint64_t by_ = 0;            // the entry of the other function
    std::set<std::uint64_t> away_{};  // the tasks that are in it, and come back here
    std::uint64_t count_ = 0;
};

}  // namespace memrig
