// What a libvirt is, and what it would do for memrig: looked up, nothing is started.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "libvirt/handles.h"
#include "machine/bench.h"

namespace memrig {

// Fault::host where it gives none, with what to do.
Result<Connection> open_connection(const std::string& uri);

// "libvirt 9.0.0, QEMU 7.2.22", those that serve the connection.
Result<std::string> versions_of(const Connection& connection);

// Whether it answers; Fault::host where it does not, Fault::interrupted if the user asks to stop.
Status answers(const Connection& connection, Deadline deadline);

// What it confines its QEMUs to.
Result<Confinement> confinement_of(const Connection& connection);

// Whether it was connected to by network: its URI names a host, whichever that is.
bool is_elsewhere(const Connection& connection);

// Whether it runs QEMU.
Status check_kind(const Connection& connection, const std::string& uri);

// Whether it can make a bench's machine by emulation.
Status check_emulation(const Connection& connection, const Bench& bench);

}  // namespace memrig
