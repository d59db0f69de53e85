// Makes the program's manual pages and shell completion.
#pragma once

#include <string>

#include "cli/command.h"

namespace memrig {

// Adds the commands `man` and `completion`, which no help lists. They cover all commands that `program` has when they
// are run.
void add_self_description(CLI::App& program, Action& action, const std::string& version);

}  // namespace memrig
