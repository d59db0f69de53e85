// The make-believe kernel whose rules are watched.
#pragma once

#include "kernel_fixture.h"
#include "watch/rules.h"

namespace memrig {

inline const std::vector<std::string> kRulesFunctions = {
    "mutex_lock",          "mutex_trylock",        "mutex_unlock",     "percpu_down_write", "percpu_up_write",
    "get_online_mems",     "put_online_mems",      "bus_probe_device", "device_online",     "device_offline",
    "add_memory_resource", "memory_subsys_online", "arch_add_memory",  "somebody",          "state_store",
    "mem_hotplug_begin",   "mem_hotplug_done",     "offline_pages"};
inline const std::vector<std::string> kRulesLocks = {"device_hotplug_lock", "mem_hotplug_lock", "cpu_hotplug_lock",
                                                     "acpi_scan_lock"};

inline constexpr std::uint64_t kBlockBytes = 128ull << 20;
inline constexpr std::uint64_t kResource = 0xffff888004000000;
inline constexpr std::uint64_t kRulesDevice = 0xffff888005000000;

}  // namespace memrig
