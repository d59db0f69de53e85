// Asks a libvirt what it is, and what it can do for memrig. Nothing is started.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "libvirt/handles.h"
#include "machine/bench.h"

namespace memrig {

// Connects to libvirt. Fault::host, with a remedy, if it gives no connection.
Result<Connection> open_connection(const std::string& uri);

// The versions that serve the connection, as "libvirt 9.0.0, QEMU 7.2.22".
Result<std::string> versions_of(const Connection& connection);

// Checks that libvirt answers: Fault::host if it does not, Fault::interrupted if the user asks to stop.
Status answers(const Connection& connection, Deadline deadline);

// Asks libvirt how it confines its QEMUs. Fault::host if it does not answer.
Result<Confinement> confinement_of(const Connection& connection);

// True if the connection goes over the network: its URI names a host, even if that is this one.
bool is_elsewhere(const Connection& connection);

// Checks that libvirt runs QEMU: Fault::host if not.
Status check_kind(const Connection& connection, const std::string& uri);

// Checks that libvirt can emulate a bench's machine: Fault::host, with a remedy, if not.
Status check_emulation(const Connection& connection, const Bench& bench);

}  // namespace memrig
