// Memory hotplug by libvirt's own calls (virDomainAttachDeviceFlags, virDomainUpdateDeviceFlags, virDomainDetachDeviceAlias), checked against its events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "libvirt/device_names.h"
#include "libvirt/handles.h"
#include "machine/bench.h"
#include "machine/hotplug_api.h"

namespace memrig {

// A new file, by name and size in bytes: where it is.
using MakeFile = std::function<Result<std::filesystem::path>(const std::string&, std::uint64_t)>;

// For a domain of whose NUMA nodes libvirt knows. The event loop must run. What is plugged, and the bench's virtio-mem device, is added to
// `names`, which the domain's monitor uses. `make_file` makes an NVDIMM's file where QEMU can open it, to last as long as the domain.
Result<std::unique_ptr<HotplugApi>> open_hotplug(const Connection& connection, virDomainPtr domain,
                                                 std::shared_ptr<DeviceNames> names, const Bench& bench,
                                                 MakeFile make_file);

// What virDomainUpdateDeviceFlags() is given: the memory device `alias` of the live domain's XML, with another requested size. Fault::rig where
// there is no such device.
Result<std::string> resized_xml(const std::string& domain, const std::string& alias, std::uint64_t bytes);

}  // namespace memrig
