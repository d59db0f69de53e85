// Reads from QEMU's events ACPI_DEVICE_OST and DEVICE_DELETED what became of a pc-dimm that was plugged, or was asked
// to be unplugged.
//
// The kernel reports the outcome of a hotplug event by the method _OST (ACPI 6.4, 6.3.5; drivers/acpi/scan.c,
// acpi_device_hotplug()): 0 is success, 0x84 an ejection in progress, 0x82 a busy device. QEMU passes the status on
// unchanged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qmp/qmp_client.h"

namespace memrig {

enum class OstSource { device_check = 1, ejection_request = 3 };

// Returns the last status that the guest reported for `device` in answer to `source`, other than "in progress"; nothing
// if there was none. An event of a removed device names no device: its slot identifies it.
std::optional<unsigned> last_ost(const std::vector<QmpEvent>& events, const std::string& device, OstSource source);
// Whether QEMU has removed `device`.
bool was_deleted(const std::vector<QmpEvent>& events, const std::string& device);

// Formats a status as "_OST: 0x82".
std::string ost_text(unsigned status);

// Says what became so far of a request that QEMU accepted. Returns "" if the plugged device is in use, or the unplugged
// one is gone. Otherwise returns the guest's status ("_OST: 0x82"), or what is missing ("no _OST", "no
// DEVICE_DELETED").
std::string acpi_refusal(const std::vector<QmpEvent>& events, const std::string& device, OstSource source);

}  // namespace memrig
