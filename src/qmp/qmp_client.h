// Talks QMP to QEMU: commands with typed errors, and events to wait for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

enum class QmpFault {
    transport,  // the connection is gone: QEMU died or closed it
    protocol,   // the peer sent something that is not QMP
    refused,    // QEMU understood the command and refused it
    deadline,   // no answer in time
    interrupted
};

const char* to_string(QmpFault fault);

struct QmpError {
    QmpFault fault = QmpFault::transport;
    std::string error_class;  // if `refused`: "GenericError", "DeviceNotFound", ...
    std::string description;

    // As an error of memrig: Fault::rig or Fault::interrupted. The caller judges whether a refusal is a fault at all.
    [[nodiscard]] Error error() const;
};

template <class T>
using QmpResult = std::expected<T, QmpError>;

struct QmpEvent {
    std::string name;
    nlohmann::json data;
    std::chrono::microseconds stamp{};  // QEMU's own time stamp, since the epoch
    SteadyTime seen;                    // when it reached us
    std::uint64_t sequence = 0;         // counts from 1, for each connection
};

// One message of a session's transcript.
struct QmpLine {
    SteadyTime at;
    bool sent = false;  // by memrig; else received
    std::string text;   // JSON
};

// One QMP session. Thread-safe. Every wait ends with QmpFault::interrupted when the user asks to stop.
class QmpClient {
public:
    virtual ~QmpClient() = default;

    // Runs a command and returns its `return` value.
    virtual QmpResult<nlohmann::json> execute(const std::string& command, const nlohmann::json& arguments,
                                              Deadline deadline) = 0;
    // The same, but ahead of QEMU's queue. QmpFault::refused if the server offers no out-of-band commands. QEMU stops
    // reading at eight commands in flight; these then have to wait too.
    virtual QmpResult<nlohmann::json> execute_out_of_band(const std::string& command, const nlohmann::json& arguments,
                                                          Deadline deadline) = 0;
    [[nodiscard]] virtual bool out_of_band() const = 0;
    // Waits for the first event after sequence number `after` that satisfies `wanted`. QmpFault::deadline if none
    // comes. Events stay in the queue (the newest 4096), so that several waiters can look for the same one.
    virtual QmpResult<QmpEvent> wait_event(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                           Deadline deadline) = 0;
    virtual std::vector<QmpEvent> events() = 0;
    // All messages in order, or the newest 16 MB of them after a line {"dropped-lines": N}.
    virtual std::vector<QmpLine> transcript() = 0;
};

// Connects to QEMU's monitor at a UNIX socket path and negotiates capabilities (`oob` if offered). Uses qemu.qmp on the
// one embedded Python interpreter, which the first call starts.
// QEMU must get that socket with `wait=on`. With `wait=off`, a client that connects while QEMU starts can hang QEMU:
// the same client wakes the main thread and the monitor's thread, the monitor's thread accepts it, and the main thread
// then sleeps in accept() for ever (QEMU 7.2: about once in a thousand starts).
Result<std::unique_ptr<QmpClient>> connect_qmp(const std::string& socket_path, Deadline deadline);

}  // namespace memrig
