// The monotonic clock that all of a trial's evidence uses, and the deadlines of waits.
#pragma once

#include <chrono>

namespace memrig {

using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// A source of monotonic time. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    virtual SteadyTime now() const = 0;
};

// The host's CLOCK_MONOTONIC.
const Clock& steady_clock();

// The moment at which a wait gives up. An expired deadline never decides a verdict: the trial then ends as
// `inconclusive` or `rig-fault`.
class Deadline {
public:
    static Deadline after(Duration span) { return Deadline(std::chrono::steady_clock::now() + span); }
    explicit Deadline(SteadyTime at) : at_(at) {}

    [[nodiscard]] bool expired() const { return std::chrono::steady_clock::now() >= at_; }
    // Zero once it has expired; never negative.
    [[nodiscard]] Duration remaining() const;
    // Milliseconds for poll(2), rounded up.
    [[nodiscard]] int poll_ms() const;
    [[nodiscard]] Deadline earlier(Deadline other) const { return Deadline(at_ < other.at_ ? at_ : other.at_); }
    [[nodiscard]] SteadyTime at() const { return at_; }

private:
    SteadyTime at_;
};

inline double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace memrig
