// Which address is which of the locks of memory hotplug: from the kernel's symbols, or learned from the functions that take them, where
// a kernel (Debian's ppc64el one, say) has no symbols for data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "probe/symbols.h"

namespace memrig {

namespace locks {
inline constexpr const char* device_hotplug = "device_hotplug_lock";
inline constexpr const char* mem_hotplug = "mem_hotplug_lock";
inline constexpr const char* cpu_hotplug = "cpu_hotplug_lock";
inline constexpr const char* acpi_scan = "acpi_scan_lock";
}  // namespace locks

// The first two are mutexes (drivers/base/core.c, drivers/acpi/scan.c), the others per-CPU rwsems (mm/memory_hotplug.c, kernel/cpu.c).
bool is_mutex(std::string_view lock);
bool is_watched_lock(std::string_view lock);

class LockNames {
public:
    explicit LockNames(const SymbolTable& symbols);

    [[nodiscard]] std::optional<std::string> name_of(std::uint64_t address) const;
    [[nodiscard]] std::optional<std::uint64_t> address_of(std::string_view lock) const;
    // By address.
    [[nodiscard]] const std::map<std::uint64_t, std::string>& known() const { return names_; }
    // Whether the lock's address is known, or the kernel has a function that it can be learned from.
    [[nodiscard]] bool can_know(std::string_view lock) const;
    // The functions by which locks that are not known yet can be learned: the first lock of its kind that a task takes after it entered
    // such a one is it.
    [[nodiscard]] std::map<std::string, std::string> takers() const;
    // The lock, not known yet, that this function takes by a direct call: a mutex by mutex_trylock(), a rwsem for writing.
    [[nodiscard]] std::optional<std::string> taken_by(std::string_view caller) const;
    // False if it was known before.
    bool learn(std::uint64_t address, const std::string& lock);

private:
    const SymbolTable& symbols_;
    std::map<std::uint64_t, std::string> names_;
};

}  // namespace memrig
