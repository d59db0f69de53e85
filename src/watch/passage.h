// Describes a task that has come to a kernel function, or has returned from it.
#pragma once

#include <cstdint>
#include <string>

#include "probe/conductor.h"

namespace memrig {

struct Passage {
    std::uint64_t task = 0;  // the base of its kernel stack
    unsigned vcpu = 0;
    std::uint64_t function = 0;        // the function's entry
    SteadyTime at;                     // of the stop that found it
    std::string caller = "?";          // "add_memory_resource+0xc4"; "?" if it is not known
    const Arrival* arrival = nullptr;  // the stop at the function, which the observer needs none of
};

// REQUIRES: the passage does not outlive the arrival, which is at a function's entry or behind its return.
inline Passage passage_of(const Arrival& arrival) {
    return {arrival.task, arrival.vcpu, arrival.address, arrival.at, "?", &arrival};
}

}  // namespace memrig
