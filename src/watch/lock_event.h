// Describes one entry of the lock ledger: what a task did with a lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace memrig {

enum class LockAction { wants, takes, refused, releases };
const char* to_string(LockAction action);

struct LockEvent {
    SteadyTime at;
    std::uint64_t task = 0;  // the base of the task's kernel stack
    unsigned vcpu = 0;
    LockAction action = LockAction::wants;
    bool shared = false;            // as a reader
    std::string lock;               // "device_hotplug_lock", "memory32's device lock"
    std::uint64_t instance = 0;     // the lock's address
    std::string where;              // the caller: "acpi_device_hotplug+0x41"
    std::vector<std::string> path;  // the callers, innermost first; empty if they were not read
};

}  // namespace memrig
