// The sockets by which a user reaches a machine that memrig has handed over.
#pragma once

#include <filesystem>

namespace memrig {

// UNIX sockets, each for one client at a time. They are removed with the machine.
struct Endpoints {
    // Holds the sockets, and whatever else is put there. Mode 0700. Removed with the machine.
    std::filesystem::path directory;
    std::filesystem::path gdb, qmp, console;
    int ended = -1;  // a descriptor: readable once the machine has ended
};

}  // namespace memrig
