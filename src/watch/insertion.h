// An insertion makes each task call other kernel functions first whenever it comes to a certain function. A stock
// kernel then behaves as if these calls stood before each call of that function: as if a lock were dropped and retaken.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"

namespace memrig {

struct InsertionSpec {
    std::string before;                     // the function
    std::vector<std::string> calls;         // functions without arguments, in their order
    std::vector<std::string> callers = {};  // only before calls from these functions; empty: from all
};

// In force from make() until it is destroyed. Conductor and symbols must outlive it. Used on the conductor's thread.
class Insertion {
public:
    // Fault::guest if the kernel lacks one of the functions. REQUIRES: there is a call to insert.
    static Result<std::unique_ptr<Insertion>> make(Conductor& conductor, const SymbolTable& symbols,
                                                   const InsertionSpec& spec);
    // Returns how often a task made all the calls.
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] const InsertionSpec& order() const { return spec_; }

private:
    Insertion(Conductor& conductor, const SymbolTable& symbols, InsertionSpec spec)
        : conductor_(conductor), symbols_(symbols), spec_(std::move(spec)) {}
    Result<Response> at_entry(const Arrival& arrival);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    InsertionSpec spec_;
    std::vector<std::uint64_t> entries_;           // of the functions to call
    std::map<std::uint64_t, std::size_t> called_;  // by task: how many of the calls it has made
    std::uint64_t count_ = 0;
};

}  // namespace memrig
