// A bench as libvirt's domain XML (https://libvirt.org/formatdomain.html).
#pragma once

#include <filesystem>
#include <string>

#include "machine/hotplug_api.h"
#include "machine/machine.h"

namespace memrig {

struct DomainNames {
    std::string domain;
    std::string gdb_socket;  // where QEMU serves its gdbstub; empty: it has a channel kGdbChannel for it
};

// The serial devices' aliases, in the order of the bench's consoles.
inline constexpr const char* kConsoleAlias = "serial0";
inline constexpr const char* kLinkAlias = "serial1";

// The devices that virDomainAttachDeviceFlags() is given; `file` is an NVDIMM's memory.
std::string dimm_xml(const DimmOrder& order, const std::filesystem::path& file);
std::string virtio_mem_xml(const VirtioMemOrder& order);

// Whether the bench lays out its NUMA nodes by arguments to QEMU: then libvirt knows of the first alone, and plugs no memory.
bool has_own_nodes(const Bench& bench);

// libvirt's name of the bench's architecture.
std::string libvirt_arch(const Bench& bench);

// What libvirt has no word for (the gdbstub, the vCPU's exact flags, a bench's further arguments) goes to QEMU as it is, by <qemu:commandline>.
// `incoming`: it waits for a saved guest. The first node is libvirt's own: it wants one where memory can be plugged.
std::string domain_xml(const MachineOrder& order, const DomainNames& names, bool incoming);

}  // namespace memrig
