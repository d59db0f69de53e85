// Finds the QEMU that runs a bench: the one in PATH, one of the user's, or one that memrig knows by id
// (rig/emulators.toml) and unpacks into the cache.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace memrig {

struct Emulator {
    std::string program;                   // looked up in PATH if it has no '/'
    std::string id;                        // the value of --emulator; empty: the one in PATH
    std::vector<std::string> arguments;    // options that say where its firmware is
    std::vector<std::string> environment;  // NAME=value: where its libraries are
    // Distinguishes emulators of the same version. It is part of the key of saved guests.
    std::string identity;
};

struct EmulatorEntry {
    std::string id, description, suite;
    std::map<std::string, std::string> packages;  // the Debian package of each program
};

Result<std::vector<EmulatorEntry>> parse_emulators(std::string_view text, const std::string& shown_name);
// Reads rig/emulators.toml.
Result<std::vector<EmulatorEntry>> emulator_catalogue();
// Finds an entry by its id. Fault::user_input if there is none.
Result<EmulatorEntry> find_emulator(const std::string& id);

// Returns the emulator from the cache, or nothing if it was not fetched yet. `program` is one of the entry's programs.
Result<std::optional<Emulator>> cached_emulator(const EmulatorEntry& entry, const std::string& program);
// Fetches the newest package with tools/fetch-deb, unless it is in the cache already. Progress goes to stderr.
Result<Emulator> fetch_emulator(const EmulatorEntry& entry, const std::string& program);
// Resolves the value of --emulator: a path (a text with a '/'), or an id, which is fetched if it is not in the cache.
// Empty: `program` as found in PATH.
Result<Emulator> resolve_emulator(const std::string& id_or_path, const std::string& program);

// Starts the emulator without a machine and with these arguments, and tells it to quit. Fault::host if it does not take
// them, with its own first line as the reason.
Status try_emulator(const Emulator& emulator, const std::vector<std::string>& arguments);

// Returns the options by which QEMU gives up rights that it does not need: it takes no further rights, changes no
// priorities and, unless `spawns`, starts no process. Empty if this emulator does not take them, as one that was built
// without seccomp. The answer is kept as long as memrig runs. Thread-safe.
Result<std::vector<std::string>> sandbox_of(const Emulator& emulator, bool spawns);

// Returns the first line of --version. Fault::host if the emulator does not run.
Result<std::string> emulator_version(const Emulator& emulator);

}  // namespace memrig
