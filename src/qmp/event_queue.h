// The events of one QMP session, as they came; the newest are kept. What QEMU says of each stop of the probe's (STOP, RESUME) goes before all else:
// there are thousands of them.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "qmp/qmp_client.h"

namespace memrig {

// Thread-safe. Holds no lock while a predicate runs, so that one may use the client.
class EventQueue {
public:
    static constexpr std::size_t kCapacity = 4096;

    // Numbers the event, and drops the oldest if there are too many.
    void push(QmpEvent event);
    // No event will come any more; waits then fail with `why`. The first reason stays.
    void end(QmpError why);

    // As QmpClient::wait_event.
    QmpResult<QmpEvent> wait(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                             Deadline deadline);
    std::vector<QmpEvent> all();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<const QmpEvent>> events_;
    std::uint64_t newest_ = 0;
    std::optional<QmpError> end_;
};

}  // namespace memrig
