// The context that the parts of a cast share.
#pragma once

#include <chrono>

#include "machine/machine.h"
#include "play/record.h"
#include "play/roster.h"
#include "probe/conductor.h"

namespace memrig {

// The longest wait for the agent and for QEMU. Both answer at once while the guest runs.
inline constexpr auto kAgentPatience = std::chrono::seconds(60);
inline constexpr auto kQmpPatience = std::chrono::seconds(60);

// All of it must outlive the part that it is given to.
struct PlayContext {
    Machine& machine;
    Conductor& conductor;
    Roster& roster;
    Record& record;
    std::uint64_t block_bytes;

    [[nodiscard]] const Schedule& schedule() const { return roster.schedule(); }
    [[nodiscard]] GuestLink& agent() const { return machine.agent(); }
};

}  // namespace memrig
