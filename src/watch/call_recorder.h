// Records which calls of chosen kernel functions the tasks of the actors make, each with its call path.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "watch/call_path.h"

namespace memrig {

// The calls of one function on one path by one actor.
struct RecordedCalls {
    std::string actor;
    std::string function;
    std::vector<std::string> path;  // the callers, innermost first, up to the actor's entry
    bool is_whole = false;          // the path ends at the actor's entry
    // The caller compares the returned pointer with the lowest error pointer, or with NULL; neither if unknown.
    bool tests_error_pointer = false, tests_null = false;
    unsigned count = 0;
};

// A test that the code behind a call makes of the returned pointer.
enum class PointerTest { none, null, error };
// Returns the first of these tests in the machine code of x86-64 behind a call; `none` if there is none.
PointerTest pointer_test(std::string_view code);

// The most callers in a recorded path.
inline constexpr std::size_t kRecordedDepth = 24;

// Watches nothing until begin(), and nothing after end(). The conductor and the symbols must outlive it. Used on the
// conductor's thread.
class CallRecorder {
public:
    // Functions that the kernel does not have are left out.
    static Result<std::unique_ptr<CallRecorder>> make(Conductor& conductor, const SymbolTable& symbols,
                                                      const std::vector<std::string>& functions);

    // An actor's task enters `entry`, its entry, or leaves it again. May be called from a handler. Several actors may
    // be inside at once.
    Status begin(const std::string& actor, std::uint64_t task, const std::string& entry);
    Status end(std::uint64_t task);

    // In the order in which each was first seen.
    [[nodiscard]] const std::vector<RecordedCalls>& calls() const { return calls_; }

private:
    struct Inside {
        std::string actor, entry;
    };
    CallRecorder(Conductor& conductor, const SymbolTable& symbols)
        : conductor_(conductor), symbols_(symbols), paths_(symbols) {}
    Result<Response> at_entry(const std::string& function, const Arrival& arrival);
    void count(RecordedCalls call);
    // Looks at the code behind the call for a test of what it returned.
    Status look_at_test(const Arrival& arrival, std::uint64_t back, RecordedCalls& call);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    CallPaths paths_;
    std::vector<std::pair<std::uint64_t, std::string>> entries_;  // addresses with their function
    std::vector<Conductor::WatchId> watches_;
    std::map<std::uint64_t, Inside> inside_;  // by task
    std::vector<RecordedCalls> calls_;
    std::map<std::string, std::size_t> places_;  // in calls_, by all that tells them apart
};

}  // namespace memrig
