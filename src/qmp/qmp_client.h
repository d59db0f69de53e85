// QMP: commands, their typed errors, and events that can be waited for.
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
    protocol,   // the peer sent what is no QMP
    refused,    // QEMU understood the command and said no
    deadline,   // no answer in time
    interrupted
};

const char* to_string(QmpFault fault);

struct QmpError {
    QmpFault fault = QmpFault::transport;
    std::string error_class;  // of a refusal: "GenericError", "DeviceNotFound", ...
    std::string description;

    // As an error of memrig: a refusal is the caller's to judge, all else is a fault of the rig.
    [[nodiscard]] Error error() const;
};

template <class T>
using QmpResult = std::expected<T, QmpError>;

struct QmpEvent {
    std::string name;
    nlohmann::json data;
    std::chrono::microseconds stamp{};  // QEMU's own time stamp, since the epoch
    SteadyTime seen;                    // when it reached us
    std::uint64_t sequence = 0;         // counts up from 1, per connection
};

// One line of the transcript, in the order in which it happened.
struct QmpLine {
    SteadyTime at;
    bool sent = false;  // by us
    std::string text;   // JSON
};

// One QMP session. Thread-safe. Every wait ends with QmpFault::interrupted when the user asks to stop.
class QmpClient {
public:
    virtual ~QmpClient() = default;

    // Runs a command and returns its `return` value.
    virtual QmpResult<nlohmann::json> execute(const std::string& command, const nlohmann::json& arguments,
                                              Deadline deadline) = 0;
    // The same, ahead of the queue, where the server offers out-of-band commands; else QmpFault::refused. QEMU stops
    // reading at eight commands in flight, and then takes these no sooner.
    virtual QmpResult<nlohmann::json> execute_out_of_band(const std::string& command, const nlohmann::json& arguments,
                                                          Deadline deadline) = 0;
    [[nodiscard]] virtual bool out_of_band() const = 0;
    // The first event after sequence number `after` that satisfies `wanted`; QmpFault::deadline if none comes.
    // Events stay in the queue (the newest 4096), so that several waiters can look for the same one.
    virtual QmpResult<QmpEvent> wait_event(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                           Deadline deadline) = 0;
    virtual std::vector<QmpEvent> events() = 0;
    // All that was said, or the newest 16 MB of it after a line {"dropped-lines": N}.
    virtual std::vector<QmpLine> transcript() = 0;
};

// Connects to QEMU's monitor at a UNIX socket path and negotiates capabilities (with `oob` where offered).
// Give that socket to QEMU with `wait=on`. With `wait=off`, a client that comes while QEMU starts is now and then
// accepted by the monitor's thread just as the main one, woken for the same client, goes to accept() as well, and sleeps
// there for ever (QEMU 7.2: once in a thousand starts or so).
// Runs over qemu.qmp on the one embedded Python interpreter, which the first call starts.
Result<std::unique_ptr<QmpClient>> connect_qmp(const std::string& socket_path, Deadline deadline);

}  // namespace memrig
