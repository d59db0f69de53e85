// A bench as libvirt's domain XML (https://libvirt.org/formatdomain.html).
#pragma once

#include <filesystem>
#include <string>

#include "machine/hotplug_api.h"
#include "machine/machine.h"

namespace memrig {

struct DomainNames {
    std::string domain;
    std::string gdb_socket;   // where QEMU serves its gdbstub; empty: it has a channel kGdbChannel for it
    std::string link_socket;  // where it serves the line to the agent, of a bench with link_devices
};

// The serial devices' aliases, in the order of the bench's consoles.
inline constexpr const char* kConsoleAlias = "serial0";
inline constexpr const char* kLinkAlias = "serial1";

// The devices that virDomainAttachDeviceFlags() is given; `file` is an NVDIMM's memory.
std::string dimm_xml(const DimmSpec& order, const std::filesystem::path& file);
std::string virtio_mem_xml(const VirtioMemSpec& order);

// libvirt's name of the bench's architecture.
std::string libvirt_arch(const Bench& bench);

// What libvirt has no word for (the gdbstub, a bench's link_devices, the vCPU's exact flags, a bench's further arguments) goes to QEMU as it is, by <qemu:commandline>.
// `incoming`: it waits for a saved guest. Of several NUMA nodes libvirt knows the first alone, as it makes none without memory.
std::string domain_xml(const MachineSpec& order, const DomainNames& names, bool incoming);

}  // namespace memrig
