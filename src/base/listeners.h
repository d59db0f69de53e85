// A list of callbacks, each of which lasts as long as whoever added it wants.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace memrig {

template <class Signature>
class Listeners;

// Removes its callback from the list when it is destroyed. Safe to outlive the list.
class Subscription {
public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept : remove_(std::exchange(other.remove_, nullptr)) {}
    Subscription& operator=(Subscription&& other) noexcept {
        if (this != &other) {
            end();
            remove_ = std::exchange(other.remove_, nullptr);
        }
        return *this;
    }
    ~Subscription() { end(); }
    void end() {
        if (const auto remove = std::exchange(remove_, nullptr)) remove();
    }

private:
    template <class Signature>
    friend class Listeners;
    explicit Subscription(std::function<void()> remove) : remove_(std::move(remove)) {}
    std::function<void()> remove_;
};

// Callbacks are called in the order in which they were added. Not thread-safe. A callback may add and remove callbacks:
// one that is removed is called no more, and one that is added is first called the next time.
template <class Result, class... Arguments>
class Listeners<Result(Arguments...)> {
public:
    using Callback = std::function<Result(Arguments...)>;

    [[nodiscard]] Subscription add(Callback callback) {
        const std::uint64_t id = next_id_++;
        callbacks_->emplace(id, std::make_shared<Callback>(std::move(callback)));
        return Subscription([list = std::weak_ptr(callbacks_), id] {
            if (const auto there = list.lock()) there->erase(id);
        });
    }

    [[nodiscard]] bool empty() const { return callbacks_->empty(); }

    // Calls `each(callback)` for every callback until it returns false.
    template <class Each>
    void for_each(const Each& each) const {
        const auto callbacks = callbacks_;  // a callback may end this list's owner
        const std::uint64_t end = next_id_;
        for (auto at = callbacks->begin(); at != callbacks->end() && at->first < end;) {
            const std::uint64_t id = at->first;
            const auto callback = at->second;  // it may remove itself
            if (!each(*callback)) return;
            at = callbacks->upper_bound(id);
        }
    }

private:
    using List = std::map<std::uint64_t, std::shared_ptr<Callback>>;
    std::shared_ptr<List> callbacks_ = std::make_shared<List>();
    std::uint64_t next_id_ = 0;
};

}  // namespace memrig
