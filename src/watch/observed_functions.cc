#include "watch/observed_functions.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "watch/lock_names.h"

namespace memrig {

namespace {

struct Known {
    const char* function;
    ObservedRole role;
    std::uint32_t watched;
    const char* fixed;
};
// The functions that are not told by the prefix of their names.
constexpr std::array kKnown = {
    Known{"mutex_trylock", ObservedRole::tries_mutex, OBSERVER_ENTRY | OBSERVER_LEAVE | OBSERVER_ACCESS, ""},
    Known{"_mutex_trylock_nest_lock", ObservedRole::tries_mutex, OBSERVER_ENTRY | OBSERVER_LEAVE | OBSERVER_ACCESS, ""},
    Known{"__mutex_handoff", ObservedRole::unlocks_mutex, OBSERVER_ACCESS, ""},
    Known{"percpu_down_write", ObservedRole::locks_rwsem, OBSERVER_ENTRY | OBSERVER_LEAVE | OBSERVER_ACCESS, ""},
    Known{"rcu_sync_enter", ObservedRole::enters_rwsem, OBSERVER_ACCESS, ""},
    Known{"percpu_up_write", ObservedRole::unlocks_rwsem, OBSERVER_ENTRY | OBSERVER_ACCESS, ""},
    Known{"cpus_read_lock", ObservedRole::reads_rwsem, OBSERVER_ENTRY | OBSERVER_LEAVE, locks::cpu_hotplug},
    Known{"cpus_read_unlock", ObservedRole::unreads_rwsem, OBSERVER_ENTRY, locks::cpu_hotplug},
    Known{"get_online_mems", ObservedRole::reads_rwsem, OBSERVER_ENTRY | OBSERVER_LEAVE, locks::mem_hotplug},
    Known{"put_online_mems", ObservedRole::unreads_rwsem, OBSERVER_ENTRY, locks::mem_hotplug},
    Known{"lock_device_hotplug", ObservedRole::locks_mutex, OBSERVER_WRAPS, ""},
    Known{"unlock_device_hotplug", ObservedRole::unlocks_mutex, OBSERVER_WRAPS, ""},
    Known{"mem_hotplug_begin", ObservedRole::locks_rwsem, OBSERVER_WRAPS, ""},
    Known{"mem_hotplug_done", ObservedRole::unlocks_rwsem, OBSERVER_WRAPS, ""},
};
// Functions of the mutex code that only look at a mutex, or make one.
constexpr std::array<std::string_view, 6> kLookers = {"mutex_is_locked", "__mutex_owner", "mutex_get_owner",
                                                      "mutex_init",      "__mutex_init",  "mutex_destroy"};
constexpr std::array<std::string_view, 3> kMutexPrefixes = {"mutex_", "__mutex_", "_mutex_"};

std::uint32_t code_of(const Architecture& architecture) {
    if (architecture.name == "x86_64") return OBSERVER_CODE_X86_64;
    return architecture.name == "aarch64" ? OBSERVER_CODE_AARCH64 : OBSERVER_CODE_NONE;
}

bool is_code_type(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

std::optional<Known> known_by(std::string_view name) {
    const auto known = std::ranges::find(kKnown, name, &Known::function);
    if (known != kKnown.end()) return *known;
    const auto begins = [&](std::string_view prefix) { return name.starts_with(prefix); };
    if (std::ranges::none_of(kMutexPrefixes, begins) || std::ranges::find(kLookers, name) != kLookers.end())
        return std::nullopt;
    const bool unlocks = name.find("unlock") != std::string_view::npos;
    return Known{"", unlocks ? ObservedRole::unlocks_mutex : ObservedRole::locks_mutex, OBSERVER_ACCESS, ""};
}

}  // namespace

std::uint32_t kind_of(ObservedRole role) {
    switch (role) {
        case ObservedRole::locks_mutex:
        case ObservedRole::tries_mutex: return 0;
        case ObservedRole::unlocks_mutex: return 1;
        case ObservedRole::locks_rwsem:
        case ObservedRole::enters_rwsem: return 2;
        case ObservedRole::unlocks_rwsem: return 3;
        case ObservedRole::reads_rwsem: return 4;
        case ObservedRole::unreads_rwsem: return 5;
        case ObservedRole::none: break;
    }
    return 6;
}

ObservedFunctions observed_functions(const SymbolTable& symbols, const Architecture& architecture,
                                     const std::map<std::uint64_t, ObservedCall>& others, bool whole) {
    ObservedFunctions all;
    all.table.code = code_of(architecture);
    std::map<std::string, std::uint32_t, std::less<>> groups;
    std::uint64_t behind = 0;
    for (const Symbol& symbol : symbols.list()) {
        // "mutex_lock.cold" and "__mutex_lock.constprop.0" are pieces of mutex_lock and __mutex_lock.
        const std::string_view name = std::string_view(symbol.name).substr(0, symbol.name.find('.'));
        auto known = is_code_type(symbol.type) && symbol.address >= behind ? known_by(name) : std::nullopt;
        const auto other = others.find(symbol.address);
        const bool told = other != others.end() && symbol.address >= behind && (whole || !other->second.whole);
        if (told && !known) known = Known{"", ObservedRole::none, 0, ""};
        const std::uint64_t end = symbols.end_of(symbol.address);
        if (!known || end <= symbol.address) continue;
        if (all.table.functions == OBSERVER_MOST_FUNCTIONS) {
            all.gaps.push_back(fmt::format("the observer watches only {} functions", OBSERVER_MOST_FUNCTIONS + 0));
            break;
        }
        const bool cold = symbol.name.find(".cold") != std::string::npos;
        std::uint32_t watched = cold ? known->watched & ~std::uint32_t{OBSERVER_ENTRY} : known->watched;
        const bool tells_whole = told && other->second.whole;
        if (told) watched |= OBSERVER_ENTRY | (tells_whole ? std::uint32_t{OBSERVER_CALL} : 0);
        if (all.table.code == OBSERVER_CODE_NONE) watched &= ~std::uint32_t{OBSERVER_LEAVE};
        const auto group = groups.emplace(name, groups.size()).first->second;
        if (watched == 0) continue;
        all.table.function[all.table.functions++] = {symbol.address,
                                                     end,
                                                     symbol.address,
                                                     watched,
                                                     group,
                                                     kind_of(known->role),
                                                     told ? other->second.pointer : 0};
        // A function that only calls a lock function makes no event of a lock.
        const bool wraps = (known->watched & OBSERVER_WRAPS) != 0;
        all.functions.push_back({wraps ? ObservedRole::none : known->role, std::string(name), known->fixed, told,
                                 tells_whole, told ? other->second.lock : LockCall::none});
        behind = end;
    }
    if (all.table.code == OBSERVER_CODE_NONE)
        all.gaps.push_back(fmt::format("the observer does not know how a function of {} returns", architecture.name));
    return all;
}

}  // namespace memrig
