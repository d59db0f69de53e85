#include "machine/guest_feature.h"

#include <algorithm>

namespace memrig {

const std::vector<GuestFeature>& guest_features() {
    static const std::vector<GuestFeature> features = {
        // acpi_sysfs_add_hotplug_profile() makes it for the handler of memory devices, unless acpi_no_memhotplug is
        // given.
        {"acpi-memory", "memory hotplug by ACPI", "/sys/firmware/acpi/hotplug/memory", "CONFIG_ACPI_HOTPLUG_MEMORY"},
        {"dax-device", "a dax device", "/sys/bus/dax/devices/dax0.0", "CONFIG_DEV_DAX and CONFIG_DEV_DAX_HMEM"},
        // dax_kmem_init() since v7.3, for a device that kmem has
        {"dax-state", "the attribute state of dax devices", "/sys/bus/dax/devices/dax0.0/state", "CONFIG_DEV_DAX_KMEM"},
        // lib/memory-notifier-error-inject.c
        {"error-injector", "the error injector of memory notifiers",
         "/sys/kernel/debug/notifier-error-inject/memory/actions", "CONFIG_MEMORY_NOTIFIER_ERROR_INJECT"},
        {"kmem-driver", "the driver kmem", "/sys/bus/dax/drivers/kmem", "CONFIG_DEV_DAX_KMEM"},
        {"lru-gen", "the multi-generational LRU", "/sys/kernel/mm/lru_gen/enabled", "CONFIG_LRU_GEN"},
        {"memmap-on-memory", "memmap_on_memory", "/sys/module/memory_hotplug/parameters/memmap_on_memory",
         "CONFIG_MHP_MEMMAP_ON_MEMORY"},
        {"memtrace-file", "memtrace", "/sys/kernel/debug/powerpc/memtrace/enable", "CONFIG_PPC64_HARDWARE_MEMTRACE"},
        {"numa-nodes", "NUMA nodes", "/sys/devices/system/node/node0", "CONFIG_NUMA"},
        {"page-map", "/proc/PID/pagemap", "/proc/self/pagemap", "CONFIG_PROC_PAGE_MONITOR"},
        // module_param_named(disable), drivers/pci/hotplug/acpiphp_core.c
        {"pci-hotplug", "PCI hotplug by ACPI", "/sys/module/acpiphp", "CONFIG_HOTPLUG_PCI_ACPI"},
        {"pmem-driver", "the driver nd_pmem", "/sys/bus/nd/drivers/nd_pmem", "CONFIG_BLK_DEV_PMEM"},
        {"probe-file", "the memory probe interface", "/sys/devices/system/memory/probe", "CONFIG_ARCH_MEMORY_PROBE"},
        {"slab-info", "/proc/slabinfo", "/proc/slabinfo", "CONFIG_SLUB_DEBUG"},
        // A kernel that does not know its hypervisor counts no vCPU that may still come (acpi_is_processor_usable(),
        // arch/x86/kernel/acpi/boot.c).
        {"vcpu-slot", "room for a vCPU that is plugged", "/sys/devices/system/cpu/possible",
         "CONFIG_HOTPLUG_CPU and CONFIG_HYPERVISOR_GUEST", "/sys/devices/system/cpu/present"},
        {"virtio-mem", "the driver virtio_mem", "/sys/bus/virtio/drivers/virtio_mem", "CONFIG_VIRTIO_MEM"},
        // target_kb is there without memory hotplug, too (drivers/xen/balloon.c).
        {"xen-balloon", "Xen's balloon with memory hotplug", "/proc/sys/xen/balloon/hotplug_unpopulated",
         "CONFIG_XEN_BALLOON_MEMORY_HOTPLUG"},
    };
    return features;
}

const GuestFeature* find_guest_feature(std::string_view key) {
    const auto found = std::ranges::find(guest_features(), key, &GuestFeature::key);
    return found == guest_features().end() ? nullptr : &*found;
}

}  // namespace memrig
