// The gdbstub of a domain's QEMU, by a UNIX socket: a file of this host's, or behind a stream of libvirt's. Never a TCP port.
#pragma once

#include <filesystem>
#include <string>

#include "libvirt/handles.h"
#include "qmp/qmp_client.h"

namespace memrig {

// QEMU outlives a libvirtd that dies, and one that dies while it starts a domain may have started it: the gdbstub's packet `k` ends it. For a
// socket of this host's.
void end_by_gdbstub(const std::string& socket);

// What libvirt calls the channel whose socket the gdbstub takes over (DomainNames::gdb_socket is empty).
inline constexpr const char* kGdbChannel = "memrig.gdb";

// Has QEMU serve its gdbstub on the channel's socket: the channel's name for libvirt, to be given to open_channel(). REQUIRES: the domain has
// the channel, its vCPUs run, and this has not been called of it before.
Result<std::string> serve_gdbstub(virDomainPtr domain, QmpClient& monitor, Deadline deadline);

}  // namespace memrig
