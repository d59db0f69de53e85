// Tells whether a guest without ACPI refused to give a device back: QEMU's event DEVICE_UNPLUG_GUEST_ERROR, or
// MEM_UNPLUG_ERROR. The latter says the same of a pc-dimm, and was the only one before QEMU 6.2.
//
// A pseries guest cannot report a refusal. QEMU infers it when an LMB is unisolated or configured while its removal is
// pending (hw/ppc/spapr_drc.c, drc_unisolate_logical() and rtas_ibm_configure_connector()). Linux does that to each LMB
// that it adds again. If the very first LMB cannot be removed, none is added again, and QEMU learns nothing
// (arch/powerpc/platforms/pseries/hotplug-memory.c, dlpar_memory_remove_by_ic()).
#pragma once

#include <string>
#include <vector>

#include "qmp/qmp_client.h"

namespace memrig {

inline constexpr const char* kUnplugError = "DEVICE_UNPLUG_GUEST_ERROR";

// Whether QEMU sent either event for `device`.
bool unplug_failed(const std::vector<QmpEvent>& events, const std::string& device);

}  // namespace memrig
