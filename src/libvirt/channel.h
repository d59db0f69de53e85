// Opens a character device of a domain as a socket, over one of libvirt's streams. It is the same for a libvirt on this
// host and on another one.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"
#include "libvirt/handles.h"
#include "qmp/one_shot.h"

namespace memrig {

struct Channel {
    // Bytes written to it go to the guest. It ends with the domain or the connection. Close it to release the device.
    Descriptor socket;
    // Set once libvirt's stream has ended, some time after the socket was closed. Destroy the domain only then.
    // Otherwise libvirtd 9.0 may hang for ever: one thread ends the stream of the dying QEMU (virFDStreamAbort),
    // another one frees the domain (virChrdevFree), and they take two locks in opposite orders.
    std::shared_ptr<OneShot<bool>> ended;
};

// Opens a serial device. `alias` is libvirt's name for it, such as "serial0". Two threads carry the bytes. They end
// with the stream, and may outlive the caller.
Result<Channel> open_console(const Connection& connection, virDomainPtr domain, const std::string& alias);
// Opens a channel, such as "channel0". The socket leads to the process that listens on the channel's UNIX socket.
Result<Channel> open_channel(const Connection& connection, virDomainPtr domain, const std::string& alias);

}  // namespace memrig
