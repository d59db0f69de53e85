// Writes a bench as libvirt's domain XML (https://libvirt.org/formatdomain.html).
#pragma once

#include <filesystem>
#include <string>

#include "machine/hotplug_api.h"
#include "machine/machine.h"

namespace memrig {

struct DomainNames {
    std::string domain;
    std::string gdb_socket;   // where QEMU serves its gdbstub; empty: the domain has the channel kGdbChannel for that
    std::string link_socket;  // where QEMU serves the line to the agent, for a bench with link_devices
};

// The aliases of the serial devices, in the order of the bench's consoles.
inline constexpr const char* kConsoleAlias = "serial0";
inline constexpr const char* kLinkAlias = "serial1";

// The XML of a device for virDomainAttachDeviceFlags(). `file` holds the memory of an NVDIMM; empty: memory of QEMU's
// own.
std::string dimm_xml(const DimmSpec& spec, const std::filesystem::path& file);
std::string virtio_mem_xml(const VirtioMemSpec& spec);

// libvirt's name for the bench's architecture.
std::string libvirt_arch(const Bench& bench);

// Writes the domain of a machine. Some things go to QEMU unchanged, by <qemu:commandline>, as libvirt cannot express
// them: the gdbstub, a bench's link_devices, the exact CPU flags, a bench's further arguments. With `incoming`, QEMU
// waits for a saved guest. libvirt knows only the first of several NUMA nodes, as it makes no node without memory.
std::string domain_xml(const MachineSpec& spec, const DomainNames& names, bool incoming);

}  // namespace memrig
