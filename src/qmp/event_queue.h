// Keeps the newest events of one QMP session, in the order of their arrival.
// A full queue drops STOP and RESUME events first: each stop of the probe causes them, so there are thousands.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "qmp/qmp_client.h"

namespace memrig {

// Thread-safe. Holds no lock while a predicate runs, so a predicate may use the client.
class EventQueue {
public:
    static constexpr std::size_t kCapacity = 4096;

    // Numbers the event and adds it. Drops one event if there are too many.
    void push(QmpEvent event);
    // No more events will come: waits fail with `why` from now on. Later calls have no effect.
    void end(QmpError why);

    // See QmpClient::wait_event().
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
