// An elision makes a lock call return at once for certain callers, and the matching unlock for the same task too. A
// pristine kernel then behaves as if those callers did not take the lock.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/direct_calls.h"
#include "probe/symbols.h"

namespace memrig {

struct ElisionSpec {
    std::string lock;  // the function that takes the lock, e.g. lock_device_hotplug
    // The function that releases it, e.g. unlock_device_hotplug. Empty if `lock` is a function that is simply left out.
    std::string unlock;
    // The functions whose calls of `lock` are elided, e.g. acpi_device_hotplug. Their names, and what the compiler
    // inlines into them, differ between kernels: a kernel must have at least one of them.
    std::vector<std::string> callers;
    std::uint64_t value = 0;  // the return value that the caller of `lock` sees
};

// Counts what an elision did. A mutant arm whose elision did nothing is not a mutant.
struct ElisionCounts {
    std::uint64_t locks = 0;    // calls of `lock` that were elided
    std::uint64_t unlocks = 0;  // calls of `unlock` that were elided
    std::uint64_t others = 0;   // calls of `lock` from other functions, which were left alone
};

// In force from make() until it is destroyed. The conductor and the symbols must outlive it. Used on the conductor's
// thread.
class Elision {
public:
    // Fault::guest if the kernel has none of the callers, or lacks `lock` or `unlock`.
    static Result<std::unique_ptr<Elision>> make(Conductor& conductor, const SymbolTable& symbols,
                                                 const ElisionSpec& spec);

    [[nodiscard]] const ElisionCounts& counts() const { return counts_; }
    [[nodiscard]] const ElisionSpec& order() const { return spec_; }

private:
    Elision(Conductor& conductor, const SymbolTable& symbols, ElisionSpec spec)
        : conductor_(conductor), symbols_(symbols), spec_(std::move(spec)) {}
    void leave_out_lock(std::uint64_t task);
    bool leaves_out_unlock(std::uint64_t task);  // false if the task has taken the lock
    Result<Response> at_lock(const Arrival& arrival);
    Result<Response> at_unlock(const Arrival& arrival);
    // A call within a caller, where the compiler has inlined `function` there.
    Status watch_inlined(const std::string& function, bool unlocks);
    Result<Response> at_inlined(const Arrival& arrival, const DirectCall& call, std::optional<std::uint64_t> value,
                                bool unlocks);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    ElisionSpec spec_;
    // The tasks whose unlock is to be elided. They are kept by task, not by return address: the unlock may be a tail
    // call, and the task may have moved to another vCPU.
    std::multiset<std::uint64_t> elided_tasks_;
    ElisionCounts counts_;
};

}  // namespace memrig
