// Makes machines that libvirt runs: transient domains, from the same benches as the machines of QEMU itself.
#pragma once

#include <memory>
#include <string>

#include "machine/machine.h"

namespace memrig {

// Connects to libvirt at `uri`, such as "qemu:///session". Fault::host if nobody answers there.
//
// The QEMU of a libvirt on this host uses memrig's own files: the kernel, the initramfs and the gdbstub's socket. To
// another host ("qemu+tls://HOST/system") the kernel and the initramfs are sent, and the gdbstub is reached through
// libvirt. On another host, each trial boots a guest.
//
// Domains are named memrig-HOST-PID-N. They end with their connection (VIR_DOMAIN_START_AUTODESTROY), also when memrig
// is killed.
Result<std::unique_ptr<Host>> connect_libvirt(const std::string& uri);

}  // namespace memrig
