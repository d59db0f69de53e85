// Tells which address is which lock of memory hotplug. The addresses come from the kernel's symbols. If a kernel has no
// symbols for data (e.g. Debian's for ppc64el), they are learned from the functions that take the locks.
#pragma once

#include <array>
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
// The functions that try to take a mutex. With lockdep, mutex_trylock() is a macro for the second one since v6.16
// (include/linux/mutex.h).
inline constexpr std::array mutex_tries = {"mutex_trylock", "_mutex_trylock_nest_lock"};
}  // namespace locks

// device_hotplug_lock and acpi_scan_lock are mutexes (drivers/base/core.c, drivers/acpi/scan.c). mem_hotplug_lock and
// cpu_hotplug_lock are per-CPU rwsems (mm/memory_hotplug.c, kernel/cpu.c).
bool is_mutex(std::string_view lock);
bool is_watched_lock(std::string_view lock);

// The symbols must outlive it. Not thread-safe.
class LockNames {
public:
    explicit LockNames(const SymbolTable& symbols);

    [[nodiscard]] std::optional<std::string> name_of(std::uint64_t address) const;
    [[nodiscard]] std::optional<std::uint64_t> address_of(std::string_view lock) const;
    // Returns the names of the locks that are known, by address.
    [[nodiscard]] const std::map<std::uint64_t, std::string>& known() const { return names_; }
    // Returns true if the lock's address is known, or the kernel has a function that it can be learned from.
    [[nodiscard]] bool can_know(std::string_view lock) const;
    // Returns functions from which unknown locks can be learned, each with its lock. The first lock of that kind (mutex
    // or rwsem) that a task takes after it entered such a function is that lock.
    [[nodiscard]] std::map<std::string, std::string> takers() const;
    // Returns the unknown lock that `caller` takes by a direct call: a mutex by mutex_trylock(), an rwsem for writing.
    [[nodiscard]] std::optional<std::string> taken_by(std::string_view caller) const;
    // Returns false if the lock or the address was known before. REQUIRES: is_watched_lock(lock).
    bool learn(std::uint64_t address, const std::string& lock);

private:
    const SymbolTable& symbols_;
    std::map<std::uint64_t, std::string> names_;
};

}  // namespace memrig
