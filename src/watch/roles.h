// Roles: kernel functions by what they do. A function's name differs from kernel to kernel; its role does not.
//
// A role is written in braces: "{adder}". Scenarios, rules and elisions may name a role or a function.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/symbols.h"

namespace memrig {

struct Role {
    std::string_view name;                    // "{adder}"
    std::string_view purpose;                 // one line, for `memrig doctor`
    std::vector<std::string_view> functions;  // those that can play it, the most specific first
};

// Returns all roles, sorted by name.
const std::vector<Role>& all_roles();
// Returns the role of that name, braces included; null if there is none.
const Role* find_role(std::string_view name);

// Returns the function that plays the role in this kernel, or nothing if none of them has a symbol. A name without
// braces is a function, and plays itself. Thread-safe.
std::optional<std::string> player_of(std::string_view role_or_function, const SymbolTable& symbols);
// Returns the reason where player_of() finds nobody: "none of memory_probe_store, probe_store has a symbol".
std::string why_not_played(std::string_view role_or_function);

}  // namespace memrig
