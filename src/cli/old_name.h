// Old names of options. They keep working, no help lists them, and their use prints a note.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace memrig {

// Prints on stderr that `old` is the old name of the option `now`, once for each name.
void note_old_name(const std::string& old, const std::string& now);

// Adds the old name of an option that sets `into`.
template <typename T>
CLI::Option* add_old_name(CLI::App& command, const std::string& old, const std::string& now, T& into) {
    return command.add_option(old, into)->group("")->each([old, now](const std::string&) { note_old_name(old, now); });
}

}  // namespace memrig
