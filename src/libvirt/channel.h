// A character device of a domain as a socket, over one of libvirt's streams: the same for a libvirt here and elsewhere.
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"
#include "libvirt/handles.h"
#include "qmp/one_shot.h"

namespace memrig {

struct Channel {
    // What is written to it goes to the guest. It is at its end when the domain or the connection is; close it to let go of the device.
    Descriptor socket;
    // Set once libvirt's stream is no more, which is some time after the socket was closed. A domain is destroyed only then: else libvirtd 9.0, which ends
    // the stream of a QEMU that dies on one thread (virFDStreamAbort) and frees the domain on another (virChrdevFree), takes two locks in both orders,
    // and may stand still for good.
    std::shared_ptr<OneShot<bool>> ended;
};

// `alias` is a serial device's name for libvirt, such as "serial0". Two threads carry the bytes; they end with the stream, not with the caller.
Result<Channel> open_console(const Connection& connection, virDomainPtr domain, const std::string& alias);
// The same of a channel, such as "channel0": whoever listens on its UNIX socket.
Result<Channel> open_channel(const Connection& connection, virDomainPtr domain, const std::string& alias);

}  // namespace memrig
