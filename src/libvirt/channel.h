// A character device of a domain as a socket, over one of libvirt's streams: the same for a libvirt here and elsewhere.
#pragma once

#include <string>

#include "base/descriptor.h"
#include "base/error.h"
#include "libvirt/handles.h"

namespace memrig {

// `alias` is a serial device's name for libvirt, such as "serial0". What is written to the socket goes to the guest. It is at its end when the domain
// or the connection is; close it to let go of the device. Two threads carry the bytes; they end with the stream, not with the caller.
Result<Descriptor> open_console(const Connection& connection, virDomainPtr domain, const std::string& alias);
// The same of a channel, such as "channel0": whoever listens on its UNIX socket.
Result<Descriptor> open_channel(const Connection& connection, virDomainPtr domain, const std::string& alias);

}  // namespace memrig
