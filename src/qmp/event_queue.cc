#include "qmp/event_queue.h"

#include <algorithm>

#include "qmp/one_shot.h"

namespace memrig {

namespace {
bool is_stop_or_resume(const std::shared_ptr<const QmpEvent>& event) {
    return event->name == "STOP" || event->name == "RESUME";
}
}  // namespace

void EventQueue::push(QmpEvent event) {
    const std::lock_guard guard(mutex_);
    event.sequence = ++newest_;
    events_.push_back(std::make_shared<const QmpEvent>(std::move(event)));
    if (events_.size() > kCapacity) {
        // Never drops the newest event: waiters rely on its number.
        const auto newest = std::prev(events_.end());
        const auto noise = std::find_if(events_.begin(), newest, is_stop_or_resume);
        events_.erase(noise == newest ? events_.begin() : noise);
    }
    changed_.notify_all();
}

void EventQueue::end(QmpError why) {
    const std::lock_guard guard(mutex_);
    if (!end_) end_ = std::move(why);
    changed_.notify_all();
}

QmpResult<QmpEvent> EventQueue::wait(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                     Deadline deadline) {
    for (;;) {
        std::vector<std::shared_ptr<const QmpEvent>> fresh;
        {
            std::unique_lock lock(mutex_);
            auto waited = wait_until(changed_, lock, deadline, [&] { return newest_ > after || end_.has_value(); });
            if (!waited) {
                if (waited.error().fault == QmpFault::deadline) waited.error().description = "no such event in time";
                return std::unexpected(waited.error());
            }
            if (newest_ <= after) return std::unexpected(*end_);
            const auto first =
                std::ranges::find_if(events_, [&](const auto& event) { return event->sequence > after; });
            fresh.assign(first, events_.end());
        }
        for (const auto& event : fresh)
            if (wanted(*event)) return *event;
        after = fresh.back()->sequence;
    }
}

std::vector<QmpEvent> EventQueue::all() {
    const std::lock_guard guard(mutex_);
    std::vector<QmpEvent> copies;
    copies.reserve(events_.size());
    for (const auto& event : events_) copies.push_back(*event);
    return copies;
}

}  // namespace memrig
