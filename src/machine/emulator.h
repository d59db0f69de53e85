// The QEMUs that can run a bench: the one in PATH, one of the user's, or one that memrig knows by id (rig/emulators.toml)
// and unpacks into the cache.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace memrig {

struct Emulator {
    std::string program;                   // looked up in PATH where it has no '/'
    std::string id;                        // as given to --emulator; empty: the one in PATH
    std::vector<std::string> arguments;    // where its firmware is
    std::vector<std::string> environment;  // where its libraries are: NAME=value
    std::string identity;                  // what its version does not tell: part of the key of saved guests
};

struct EmulatorEntry {
    std::string id, description, suite;
    std::map<std::string, std::string> packages;  // by program
};

Result<std::vector<EmulatorEntry>> parse_emulators(std::string_view text, const std::string& shown_name);
// Those of emulators.toml.
Result<std::vector<EmulatorEntry>> emulator_catalogue();
// By id. Fault::user_input where there is none.
Result<EmulatorEntry> find_emulator(const std::string& id);

// As it lies in the cache; nothing where it was not fetched yet. `program` is one of the entry's.
Result<std::optional<Emulator>> cached_emulator(const EmulatorEntry& entry, const std::string& program);
// Fetches it (tools/fetch-deb; progress goes to stderr), or finds the newest in the cache.
Result<Emulator> fetch_emulator(const EmulatorEntry& entry, const std::string& program);
// What is to run as `program`: by id, fetched if need be, or by path (something with a '/'). Empty: the one in PATH.
Result<Emulator> resolve_emulator(const std::string& id_or_path, const std::string& program);

// The first line of --version. Fault::host where it does not run.
Result<std::string> emulator_version(const Emulator& emulator);

}  // namespace memrig
