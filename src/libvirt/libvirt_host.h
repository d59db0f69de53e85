// Machines that libvirt runs: transient domains, made from the same benches as QEMU's own.
#pragma once

#include <memory>
#include <string>

#include "machine/machine.h"

namespace memrig {

// Connects to libvirt at `uri`, such as "qemu:///session". Fault::host where nobody answers there. Of this host, its QEMU reads and writes what
// memrig's user does: the kernel, the initramfs and the gdbstub's socket are files. Of another host ("qemu+tls://HOST/system"), they are sent
// there, and the gdbstub is reached through libvirt; guests are booted for each trial. Domains are named memrig-HOST-PID-..., and end with the
// connection (VIR_DOMAIN_START_AUTODESTROY), also when memrig is killed.
Result<std::unique_ptr<Host>> connect_libvirt(const std::string& uri);

}  // namespace memrig
