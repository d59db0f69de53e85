// A failure makes one call of a kernel function return a failure at once, as if memory had run out there. So an
// unmodified kernel enters the error path of whoever made the call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/call_path.h"

namespace memrig {

struct FailureSpec {
    std::string actor;              // only calls of this actor's task fail
    std::string function;           // the function that fails, e.g. kmem_cache_alloc_noprof
    std::vector<std::string> path;  // its callers, innermost first: as many as tell the call from other calls
    unsigned nth = 1;               // which of the actor's calls with this path, from 1
    std::uint64_t value = 0;        // the value that the caller sees
};

// Watches nothing until begin(), and nothing after end(). The conductor and the symbols must outlive it. Used on the
// conductor's thread.
class Failure {
public:
    // Fault::guest if the kernel has no such function. REQUIRES: the path is not empty, and `nth` is not 0.
    static Result<std::unique_ptr<Failure>> make(Conductor& conductor, const SymbolTable& symbols,
                                                 const FailureSpec& spec);

    // The actor's task enters `entry`, its entry function, or leaves it again. May be called from a handler.
    Status begin(std::uint64_t task, const std::string& entry);
    Status end();

    [[nodiscard]] bool came_to_pass() const { return came_to_pass_; }
    // Returns how many calls of the function with that path were seen.
    [[nodiscard]] unsigned calls() const { return calls_; }
    [[nodiscard]] const FailureSpec& order() const { return spec_; }

private:
    Failure(Conductor& conductor, const SymbolTable& symbols, FailureSpec spec)
        : conductor_(conductor), symbols_(symbols), spec_(std::move(spec)), paths_(symbols) {}
    // Every task of the kernel allocates, and each stop takes time. So the function is watched only while the task is
    // inside its callers: from outside in, each gate is the entry of one more caller.
    struct Gate {
        std::vector<std::uint64_t> entries;
        std::vector<Conductor::WatchId> watches = {};
    };
    Status open(std::size_t gate);
    Status close(std::size_t gate);
    Result<Response> at_gate(std::size_t gate, const Arrival& arrival);
    // Counts the call. All failures count it before one of them makes it return.
    Result<Response> count(const Arrival& arrival);
    Result<Response> leave(const Arrival& arrival);
    Result<bool> is_on_path(const Arrival& arrival);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    FailureSpec spec_;
    CallPaths paths_;
    std::vector<std::uint64_t> entries_;  // of the function
    std::vector<Gate> gates_;             // the last one is the function
    std::uint64_t task_ = 0;
    unsigned calls_ = 0;
    bool is_due_ = false;  // the call that was just counted is the one that fails
    bool came_to_pass_ = false;
};

}  // namespace memrig
