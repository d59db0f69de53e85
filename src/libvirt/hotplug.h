// Plugs memory by libvirt's own calls (virDomainAttachDeviceFlags, virDomainUpdateDeviceFlags,
// virDomainDetachDeviceAlias), and checks them against libvirt's events.
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

// Makes a new file of the given name and size (bytes). Returns its path.
using MakeFile = std::function<Result<std::filesystem::path>(const std::string&, std::uint64_t)>;

// Adds the bench's virtio-mem device, and later each plugged device, to `names`, which the domain's monitor uses.
// `make_file` makes the file of an NVDIMM: QEMU must be able to open it, and it must last as long as the domain.
// REQUIRES: libvirt knows all NUMA nodes of the domain, and the event loop runs.
Result<std::unique_ptr<HotplugApi>> open_hotplug(const Connection& connection, virDomainPtr domain,
                                                 std::shared_ptr<DeviceNames> names, const Bench& bench,
                                                 MakeFile make_file);

// Returns the XML for virDomainUpdateDeviceFlags(): the memory device `alias` of `domain`, the live domain's XML, with
// `bytes` as its requested size. Fault::rig if there is no such device.
Result<std::string> resized_xml(const std::string& domain, const std::string& alias, std::uint64_t bytes);

}  // namespace memrig
