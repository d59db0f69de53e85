// What the guest's ACPI says became of a pc-dimm that was plugged or is to be unplugged: QEMU's events ACPI_DEVICE_OST and DEVICE_DELETED.
//
// The kernel reports the outcome of a hotplug event by the method _OST (ACPI 6.4, 6.3.5; drivers/acpi/scan.c, acpi_device_hotplug()): 0 is
// success, 0x84 an ejection in progress, 0x82 a device that is busy. QEMU passes it on as it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qmp/qmp_client.h"

namespace memrig {

enum class OstSource { device_check = 1, ejection_request = 3 };

// The last status that was reported of `device` to that, but for "in progress"; of one that is gone, the slot that it had tells. Nothing where
// none was.
std::optional<unsigned> last_ost(const std::vector<QmpEvent>& events, const std::string& device, OstSource source);
// Whether QEMU has removed it.
bool was_deleted(const std::vector<QmpEvent>& events, const std::string& device);

// "_OST: 0x82"
std::string ost_text(unsigned status);

// What became of a device that QEMU took, or was asked to take away, by now: "" if it is in use, or gone; else what the guest reported
// ("_OST: 0x82"), or what is missing ("no _OST", "no DEVICE_DELETED").
std::string acpi_refusal(const std::vector<QmpEvent>& events, const std::string& device, OstSource source);

}  // namespace memrig
