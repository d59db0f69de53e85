// The timeline: what each actor was seen to do and when, on one clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace memrig {

struct TimelineEvent {
    SteadyTime at;
    std::string actor;  // "adder", "onliner", "rig", or "task <stack>" for one that is no actor
    std::string what;   // "step", "arrives", "lock", "write", "crash", ...
    std::string text;
    std::optional<unsigned> vcpu;
};

// Not thread-safe.
class Timeline {
public:
    explicit Timeline(SteadyTime origin) : origin_(origin) {}
    void add(TimelineEvent event) { events_.push_back(std::move(event)); }
    void add(std::string actor, std::string what, std::string text, std::optional<unsigned> vcpu = {});
    // By time.
    [[nodiscard]] std::vector<TimelineEvent> sorted() const;
    [[nodiscard]] SteadyTime origin() const { return origin_; }
    // {"schema": 1, "happenings": [{"ms", "actor", "what", "text", "vcpu"}]}, ms from the origin.
    [[nodiscard]] nlohmann::json json() const;

private:
    SteadyTime origin_;
    std::vector<TimelineEvent> events_;
};

}  // namespace memrig
