// Describes a task that has come to a kernel function, or has returned from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observer/layout.h"
#include "probe/conductor.h"

namespace memrig {

struct Passage {
    std::uint64_t task = 0;  // the base of its kernel stack
    unsigned vcpu = 0;
    std::uint64_t function = 0;                 // the function's entry
    SteadyTime at;                              // of the stop that found it
    std::string caller = "?";                   // "add_memory_resource+0xc4"; "?" if it is not known
    const Arrival* arrival = nullptr;           // the stop at the function, which the observer needs none of
    std::vector<std::uint64_t> arguments = {};  // at the entry, from the first one on; those that are known
    std::vector<std::uint64_t> words = {};      // at the entry: those that ObservedCall::pointer asks for, if known
    std::optional<std::uint64_t> answer = {};   // behind the return: its value, if it is known
};

// REQUIRES: the passage does not outlive the arrival, which is at a function's entry or behind its return.
inline Passage passage_of(const Arrival& arrival) {
    Passage passage{arrival.task, arrival.vcpu, arrival.address, arrival.at, "?", &arrival};
    for (std::size_t i = 0; i < OBSERVER_ARGUMENTS; i++) passage.arguments.push_back(arrival.registers.argument(i));
    return passage;
}

}  // namespace memrig
