// Waits for another thread's result. A wait ends at its deadline, or when the user asks to stop.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/stop_request.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Waits until `ready()` is true. Calls it with the lock held, and before it looks at the deadline. Fails with
// QmpFault::deadline or QmpFault::interrupted.
template <class Ready>
QmpResult<void> wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Deadline deadline,
                           Ready ready) {
    // A condition variable cannot watch stop_request()'s descriptor, so the wait is cut into slices.
    constexpr auto kSlice = std::chrono::milliseconds(20);
    while (!ready()) {
        if (stop_request().requested())
            return std::unexpected(QmpError{QmpFault::interrupted, {}, stop_request().error().message});
        if (deadline.expired()) return std::unexpected(QmpError{QmpFault::deadline, {}, "not in time"});
        changed.wait_until(lock, Deadline::after(kSlice).earlier(deadline).at());
    }
    return {};
}

// A value that one thread sets once and other threads wait for. Thread-safe.
template <class T>
class OneShot {
public:
    // Later values are ignored.
    void set(T value) {
        const std::lock_guard guard(mutex_);
        if (!value_) value_ = std::move(value);
        changed_.notify_all();
    }

    QmpResult<T> wait(Deadline deadline) {
        std::unique_lock lock(mutex_);
        if (auto waited = wait_until(changed_, lock, deadline, [&] { return value_.has_value(); }); !waited)
            return std::unexpected(waited.error());
        return *value_;
    }

    // Waits even if the user asks to stop. Returns whether the value was set in time.
    bool wait_to_the_end(Deadline deadline) {
        std::unique_lock lock(mutex_);
        return changed_.wait_until(lock, deadline.at(), [&] { return value_.has_value(); });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<T> value_;
};

}  // namespace memrig
