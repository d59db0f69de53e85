// Chooses the cases of a sweep from the calls that were recorded.
#include <algorithm>
#include <set>
#include <tuple>

#include "run/failable.h"
#include "run/sweep.h"

namespace memrig {

namespace {

// The calls of a path that are played.
std::vector<unsigned> chosen(const RecordedCalls& call, bool every) {
    std::vector<unsigned> numbers = {1};
    for (unsigned nth = 2; every && nth < call.count; nth++) numbers.push_back(nth);
    if (call.count > 1) numbers.push_back(call.count);
    return numbers;
}

// A call by an allocator is part of the allocator's own call.
bool is_inside_allocator(const RecordedCalls& call) {
    return std::ranges::any_of(call.path, [](const auto& caller) { return failed_allocation(caller).has_value(); });
}

// Two calls with the same key were made in the same place.
using CallKey = std::tuple<std::string, std::string, std::vector<std::string>>;
CallKey key_of(const RecordedCalls& call) { return {call.actor, call.function, call.path}; }

}  // namespace

std::optional<std::uint64_t> failure_of(const RecordedCalls& call, const Prototypes* prototypes) {
    if (const auto value = failed_allocation(call.function)) return value;
    if (prototypes == nullptr) return std::nullopt;
    std::optional<PointerFailure> pointer;
    if (call.tests_error_pointer) pointer = PointerFailure::error;
    else if (call.tests_null) pointer = PointerFailure::null;
    return prototypes->failure_of(call.function, pointer);
}

std::vector<std::string> callers_that_can_fail(const std::vector<RecordedCalls>& calls, const Prototypes& prototypes) {
    std::set<std::string> names;
    for (const auto& call : calls) {
        if (!call.is_whole || call.path.empty()) continue;
        // The last one is the actor's entry.
        for (std::size_t i = call.path.size() - 1; i-- > 0;) {
            if (prototypes.returns_acpi_status(call.path[i])) break;
            if (prototypes.failure_of(call.path[i], PointerFailure::null) && !failed_allocation(call.path[i]))
                names.insert(call.path[i]);
        }
    }
    return {names.begin(), names.end()};
}

std::vector<SweepCase> cases_of(const std::vector<RecordedCalls>& calls, const SweepSpec& spec,
                                const Prototypes* prototypes) {
    std::vector<SweepCase> cases;
    for (const auto& call : calls) {
        if (is_inside_allocator(call)) continue;
        if (!spec.within.empty() && std::ranges::find(call.path, spec.within) == call.path.end()) continue;
        const auto value = failure_of(call, prototypes);
        if (!value || call.path.empty()) continue;
        if (!spec.actors.empty() && std::ranges::find(spec.actors, call.actor) == spec.actors.end()) continue;
        for (const unsigned nth : chosen(call, spec.every)) {
            if (spec.most != 0 && cases.size() >= spec.most) return cases;
            const auto number = static_cast<unsigned>(cases.size() + 1);
            cases.push_back({number, {call.actor, call.function, call.path, nth, *value}, {}, call.count, {}, {}});
        }
    }
    return cases;
}

std::vector<SweepCase> pairs_of(const std::vector<SweepCase>& cases, const std::vector<RecordedCalls>& calls,
                                const std::map<std::size_t, std::vector<RecordedCalls>>& after, const SweepSpec& spec) {
    std::set<CallKey> seen;
    for (const auto& call : calls) seen.insert(key_of(call));
    std::vector<SweepCase> pairs;
    for (const auto& one : cases) {
        const auto recorded = after.find(one.number);
        if (recorded == after.end()) continue;
        for (const auto& call : recorded->second) {
            if (call.actor != one.failure.actor || call.path.empty() || is_inside_allocator(call)) continue;
            const auto value = failure_of(call, nullptr);
            if (!value || seen.contains(key_of(call))) continue;
            if (!spec.every) seen.insert(key_of(call));
            for (const unsigned nth : chosen(call, spec.every)) {
                if (spec.most != 0 && pairs.size() >= spec.most) return pairs;
                SweepCase pair = one;
                pair.number = static_cast<unsigned>(cases.size() + pairs.size() + 1);
                pair.second = FailureSpec{call.actor, call.function, call.path, nth, *value};
                pairs.push_back(std::move(pair));
            }
        }
    }
    return pairs;
}

}  // namespace memrig
