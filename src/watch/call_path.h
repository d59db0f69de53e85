// Reads a task's call path from its kernel stack while the guest is stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

    // Returns the callers of the function that was just entered, innermost first: up to the first one that `is_last`
    // accepts by its plain name (included), and at most `depth` of them. Each caller but the first calls the function
    // of the caller before it, as far as a direct call shows that. So most words that calls which ended long ago left
    // on the stack are not taken for callers, and the same call has the same chain in each trial. REQUIRES: `depth` is
    // at least 1, and the arrival is at a function's entry.
    Result<std::vector<std::uint64_t>> chain(Conductor& conductor, const Arrival& entry, std::size_t depth,
                                             const std::function<bool(std::string_view)>& is_last);

    // The same for a task inside code that has frames of its own, such as a lock that it waits for. Such a frame may
    // hold return addresses of calls that ended long ago. So the path begins with the return address of the call into
    // that code: the first one that lies outside it, and behind a direct call of it. `is_own` tells whether a function,
    // by its plain name, is part of that code. `from` is an address on the task's stack, inside those frames or below
    // them. Empty if no such call is found. REQUIRES: `depth` is at least 1.
    Result<std::vector<std::string>> read_caller(Probe& probe, unsigned vcpu, std::uint64_t from,
                                                 const std::function<bool(std::string_view)>& is_own,
                                                 std::size_t depth);

private:
    // A word on a stack: whether it points behind a call, and where to if that is a direct one.
    struct Word {
        bool is_return = false;
        std::optional<std::uint64_t> target = {};
    };
    Result<Word> judge(Probe& probe, unsigned vcpu, std::uint64_t address);
    // The words from `from` on, at most `most` bytes of them. `from` is on a kernel stack.
    Result<std::vector<std::uint64_t>> words(Probe& probe, unsigned vcpu, std::uint64_t from, std::size_t most);
    // Returns where in `stack`, from `begin` on, the caller of `function` has its return address; nothing if nowhere.
    Result<std::optional<std::size_t>> caller_of(Probe& probe, unsigned vcpu, const std::vector<std::uint64_t>& stack,
                                                 std::size_t begin, std::string_view function);

    const SymbolTable& symbols_;
    // The answers of judge(), by address. They stay valid: kernel text does not change at these places.
    std::map<std::uint64_t, Word> judged_;
};

}  // namespace memrig
