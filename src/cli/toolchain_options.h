// The options that say for what, and with what, a kernel tree of the user is built.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "kernel/tree.h"

namespace memrig {

// Adds --arch and --llvm. The variables must outlive the command.
void add_toolchain_options(CLI::App& command, std::string& arch, Toolchain& toolchain);

}  // namespace memrig
