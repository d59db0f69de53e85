// Reaches the gdbstub of a domain's QEMU through a UNIX socket: a file on this host, or one behind a libvirt stream. It
// is never a TCP port.
#pragma once

#include <filesystem>
#include <string>

#include "libvirt/handles.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Ends QEMU by the gdbstub's packet `k`. QEMU outlives a libvirtd that dies, and a libvirtd that dies while it starts a
// domain may have started QEMU already. REQUIRES: the socket is on this host.
void end_by_gdbstub(const std::string& socket);

// libvirt's name for the channel whose socket the gdbstub takes over (if DomainNames::gdb_socket is empty).
inline constexpr const char* kGdbChannel = "memrig.gdb";

// Makes QEMU serve its gdbstub on the channel's socket. Returns the channel's alias for open_channel(). REQUIRES: the
// domain has the channel, its vCPUs run, and this was not called for the domain before.
Result<std::string> serve_gdbstub(virDomainPtr domain, QmpClient& monitor, Deadline deadline);

}  // namespace memrig
