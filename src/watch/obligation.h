// Obligations: the checks that a verdict rests on. Each is a rule, put to the test where a task enters a function.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace memrig {

// All rules, by the names that findings and scenarios have for them (docs/verdicts.md).
inline constexpr std::array kRuleNames = {"R1", "R2", "R3",  "R4", "R5", "R6", "R7",
                                          "R8", "R9", "R10", "N1", "N2", "N3", "N4"};

struct Obligation {
    std::string rule;      // "R4"
    std::string function;  // a function or a role ("arch_add_memory", "{adder}"); "": wherever the rule is checked
    // "R4 at arch_add_memory", or "R6" alone.
    [[nodiscard]] std::string text() const { return function.empty() ? rule : rule + " at " + function; }
    auto operator<=>(const Obligation&) const = default;
};

// A check that cannot be made on this kernel.
struct RuleGap {
    enum class Kind {
        absent,  // the kernel lacks what the check needs
        unarmed  // the guest has shown before the trial that the rig does not see what the check needs
    };
    Obligation obligation;
    std::string why;  // "arch_add_memory has no symbol"
    Kind kind = Kind::absent;
    [[nodiscard]] std::string text() const { return obligation.rule + ": " + why; }
    // True if the gap lies in this obligation: the same rule, and the same function or one of them is for all.
    [[nodiscard]] bool is_in(const Obligation& other) const {
        return obligation.rule == other.rule &&
               (obligation.function.empty() || other.function.empty() || obligation.function == other.function);
    }
    bool operator==(const RuleGap&) const = default;
};

// Counts of the checks that were made.
using CheckCounts = std::map<Obligation, std::uint64_t>;
// The checks of a rule in all functions.
inline std::uint64_t checks_of(const CheckCounts& counts, const std::string& rule) {
    std::uint64_t sum = 0;
    for (const auto& [obligation, count] : counts) sum += obligation.rule == rule ? count : 0;
    return sum;
}

}  // namespace memrig
