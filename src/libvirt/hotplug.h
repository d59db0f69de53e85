// Memory hotplug by libvirt's own calls (virDomainAttachDeviceFlags, virDomainUpdateDeviceFlags, virDomainDetachDeviceAlias), checked against its events.
#pragma once

#include <filesystem>
#include <memory>

#include "libvirt/device_names.h"
#include "libvirt/handles.h"
#include "machine/bench.h"
#include "machine/hotplug_api.h"

namespace memrig {

// For a domain of whose NUMA nodes libvirt knows. The event loop must run. What is plugged, and the bench's virtio-mem device, is added to
// `names`, which the domain's monitor uses. An NVDIMM's file is made in `directory`, which QEMU can reach, and left there; an empty one: on another host.
Result<std::unique_ptr<HotplugApi>> open_hotplug(const Connection& connection, virDomainPtr domain,
                                                 std::shared_ptr<DeviceNames> names, const Bench& bench,
                                                 const std::filesystem::path& directory);

// What virDomainUpdateDeviceFlags() is given: the memory device `alias` of the live domain's XML, with another requested size. Fault::rig where
// there is no such device.
Result<std::string> resized_xml(const std::string& domain, const std::string& alias, std::uint64_t bytes);

}  // namespace memrig
