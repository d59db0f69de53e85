// That a guest without ACPI gives a device not back: QEMU's event DEVICE_UNPLUG_GUEST_ERROR, or MEM_UNPLUG_ERROR, which says the same of a
// pc-dimm and is all that there was before QEMU 6.2.
//
// A pseries guest has no word for it: QEMU takes it from an LMB that is unisolated or configured while its removal is pending
// (hw/ppc/spapr_drc.c, drc_unisolate_logical() and rtas_ibm_configure_connector()). Linux does so to each LMB that it adds again, so where the
// very first is refused, QEMU hears nothing (arch/powerpc/platforms/pseries/hotplug-memory.c, dlpar_memory_remove_by_ic()).
#pragma once

#include <string>
#include <vector>

#include "qmp/qmp_client.h"

namespace memrig {

inline constexpr const char* kUnplugError = "DEVICE_UNPLUG_GUEST_ERROR";

// Whether QEMU has told so of `device`, by either name.
bool unplug_failed(const std::vector<QmpEvent>& events, const std::string& device);

}  // namespace memrig
