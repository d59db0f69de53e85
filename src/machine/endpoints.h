// How a user gets at a machine that memrig has done with.
#pragma once

#include <filesystem>

namespace memrig {

// UNIX sockets, each for one client at a time. They are gone when the machine is.
struct Endpoints {
    std::filesystem::path directory;  // holds them, and whatever else is put there; 0700, removed with the machine
    std::filesystem::path gdb, qmp, console;
    int ended = -1;  // readable once the machine has ended
};

}  // namespace memrig
