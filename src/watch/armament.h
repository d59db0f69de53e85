// The armament of a guest: what the guest has shown, before its trials, about the rig's own eyes.
//
// The rig does known things in the guest once, and each watcher has to report exactly these. A rule whose watcher did
// not is not judged. Immutable once made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kernel/memory_layout.h"
#include "watch/obligation.h"

namespace memrig {

enum class Watcher {
    clocks,   // the guest's own timers and RCU, which may stand still after a restore: every step would wait for ever
    stacks,   // the size of a kernel stack, by which a task is told from another
    mutexes,  // which task takes, and which releases, a mutex
    rwsems,   // the same of mem_hotplug_lock
    paths,    // the call path of a task that takes a lock
    figures,  // where the kernel keeps the figures of its zones
    notices   // the numbers and the fields of a memory notifier's notices
};
const char* to_string(Watcher watcher);  // "mutexes"
const std::vector<Watcher>& all_watchers();

struct WatcherReport {
    enum class State {
        armed,         // it reported exactly what was done
        unarmed,       // it reported something else, or nothing
        not_exercised  // what was done did not call for it
    };
    State state = State::not_exercised;
    std::string why;  // the evidence, or what was wrong
};
const char* to_string(WatcherReport::State state);  // "armed", "not armed", "not exercised"

struct Armament {
    std::uint64_t stack_bytes = 0;                    // THREAD_SIZE; 0 if the guest did not show it
    std::optional<std::uint64_t> owner_offset;        // of the owner in a mutex, in bytes; nothing: not shown
    std::optional<std::uint64_t> device_lock_offset;  // of the mutex in a block's device; nothing: not shown
    // The memory blocks by the address of their `struct device`: all that the saved guest has, or none.
    std::map<std::uint64_t, std::uint64_t> devices;
    std::optional<MemoryLayout> layout;  // of the zones' figures; nothing: the kernel does not tell
    std::map<Watcher, WatcherReport> reports;
    std::string
        failure;  // why the guest could not be armed at all: it crashed, or its agent fell silent; normally empty

    [[nodiscard]] const WatcherReport& of(Watcher watcher) const;
    [[nodiscard]] bool is_unarmed(Watcher watcher) const { return of(watcher).state == WatcherReport::State::unarmed; }
};

// Returns the watchers that a rule ("R1", "N2") rests on.
std::vector<Watcher> watchers_of(const std::string& rule);
// Returns why the rule cannot be judged with this armament: "mutexes: ..."; empty if it can.
std::string why_unarmed(const Armament& armament, const std::string& rule);

nlohmann::json armament_json(const Armament& armament);
// Fault::host for a text that armament_json() did not make.
Result<Armament> read_armament(const std::string& text);

}  // namespace memrig
