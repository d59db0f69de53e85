// Names what an actor may need of a guest's kernel. The guest itself shows whether it has it: memrig asks once, when it
// has booted.
#pragma once

#include <array>

namespace memrig {

struct GuestFeature {
    const char* name;    // for people
    const char* path;    // this file or directory is there if the kernel has the feature
    const char* option;  // of the kernel's configuration
};

inline constexpr GuestFeature kVirtioMemDriver = {"the driver virtio_mem", "/sys/bus/virtio/drivers/virtio_mem",
                                                  "CONFIG_VIRTIO_MEM"};
inline constexpr GuestFeature kKmemDriver = {"the driver kmem", "/sys/bus/dax/drivers/kmem", "CONFIG_DEV_DAX_KMEM"};
// acpi_sysfs_add_hotplug_profile() makes it for the handler of memory devices, unless acpi_no_memhotplug is given.
inline constexpr GuestFeature kAcpiMemory = {"memory hotplug by ACPI", "/sys/firmware/acpi/hotplug/memory",
                                             "CONFIG_ACPI_HOTPLUG_MEMORY"};
inline constexpr GuestFeature kProbeFile = {"the memory probe interface", "/sys/devices/system/memory/probe",
                                            "CONFIG_ARCH_MEMORY_PROBE"};

// All that a guest is asked for.
inline constexpr std::array kGuestFeatures = {kVirtioMemDriver, kKmemDriver, kAcpiMemory, kProbeFile};

}  // namespace memrig
