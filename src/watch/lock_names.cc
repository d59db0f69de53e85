#include "watch/lock_names.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace memrig {

namespace {

constexpr std::array<std::string_view, 4> kLocks = {locks::device_hotplug, locks::mem_hotplug, locks::cpu_hotplug,
                                                    locks::acpi_scan};

struct Taker {
    const char* function;
    const char* lock;
};
// Functions that exist to take this lock. After a task entered one, the first lock of that kind that it takes is
// this lock. The function takes it by a call or, as its last action, by a jump.
constexpr std::array kTakers = {
    Taker{"lock_device_hotplug", locks::device_hotplug},
    Taker{"acpi_scan_lock_acquire", locks::acpi_scan},
    Taker{"mem_hotplug_begin", locks::mem_hotplug},
    Taker{"cpus_write_lock", locks::cpu_hotplug},
};
// Functions that try this mutex and no other, or that take this rwsem by a direct call because the taker
// above is inlined.
constexpr std::array kCallers = {
    Taker{"lock_device_hotplug_sysfs", locks::device_hotplug},
    Taker{"online_store", locks::device_hotplug},
    Taker{"state_store", locks::device_hotplug},
    Taker{"store_mem_state", locks::device_hotplug},  // 4.x
    Taker{"add_memory_resource", locks::mem_hotplug},
    Taker{"__add_memory_resource", locks::mem_hotplug},  // since v7.3-rc1
    Taker{"try_remove_memory", locks::mem_hotplug},
    Taker{"online_pages", locks::mem_hotplug},
    Taker{"offline_pages", locks::mem_hotplug},
    Taker{"memory_block_online", locks::mem_hotplug},
    Taker{"memory_block_offline", locks::mem_hotplug},
    Taker{"memory_subsys_online", locks::mem_hotplug},
    Taker{"memory_subsys_offline", locks::mem_hotplug},
    Taker{"memory_block_change_state", locks::mem_hotplug},
};

}  // namespace

bool is_mutex(std::string_view lock) { return lock == locks::device_hotplug || lock == locks::acpi_scan; }

bool is_watched_lock(std::string_view lock) { return std::ranges::find(kLocks, lock) != kLocks.end(); }

LockNames::LockNames(const SymbolTable& symbols) : symbols_(symbols) {
    for (const auto lock : kLocks)
        if (const auto address = symbols.unique(std::string(lock))) names_.emplace(*address, lock);
}

std::optional<std::string> LockNames::name_of(std::uint64_t address) const {
    const auto found = names_.find(address);
    return found == names_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint64_t> LockNames::address_of(std::string_view lock) const {
    for (const auto& [address, name] : names_)
        if (name == lock) return address;
    return std::nullopt;
}

bool LockNames::can_know(std::string_view lock) const {
    const auto tells = [&](const Taker& taker) { return taker.lock == lock && !symbols_.all(taker.function).empty(); };
    return address_of(lock) || std::ranges::any_of(kTakers, tells) || std::ranges::any_of(kCallers, tells);
}

std::map<std::string, std::string> LockNames::takers() const {
    std::map<std::string, std::string> takers;
    for (const auto& [function, lock] : kTakers)
        if (!address_of(lock) && !symbols_.all(function).empty()) takers.emplace(function, lock);
    return takers;
}

std::optional<std::string> LockNames::taken_by(std::string_view caller) const {
    for (const auto& [function, lock] : kCallers)
        if (function == caller && !address_of(lock)) return lock;
    return std::nullopt;
}

bool LockNames::learn(std::uint64_t address, const std::string& lock) {
    MEMRIG_ASSERT(is_watched_lock(lock), "a lock to be learned is one of memory hotplug");
    return !address_of(lock) && names_.emplace(address, lock).second;
}

const char* to_string(LockAction action) {
    switch (action) {
        case LockAction::wants: return "wants";
        case LockAction::takes: return "takes";
        case LockAction::refused: return "is refused";
        case LockAction::releases: return "releases";
    }
    return "?";
}

}  // namespace memrig
