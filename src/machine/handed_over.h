// Machines that their user may go on with once memrig has done with them.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace memrig {

// UNIX sockets, each for one client at a time. They are gone when the machine is.
struct WaysIn {
    std::filesystem::path directory;  // holds them, and whatever else is put there; 0700, removed with the machine
    std::filesystem::path gdb, qmp, console;
    int process_id = 0;
    int ended = -1;  // readable once the machine has ended
};

// A machine that can be handed over is one of these too. Not thread-safe.
class HandsOver {
public:
    virtual ~HandsOver() = default;
    // Lets go of all that memrig holds of the machine: it has no breakpoints any more, and stands still unless it is to `run`. From then
    // on it can only be destroyed. An error says how it ended, where it has.
    virtual Result<WaysIn> hand_over(bool run) = 0;
};

}  // namespace memrig
