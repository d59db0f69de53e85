// The option --modules: the folder of the modules of a kernel that is given by its path.
#pragma once

#include <filesystem>

#include <CLI/CLI.hpp>

namespace memrig {

// REQUIRES: the command has the option --kernel.
void add_modules_option(CLI::App& command, std::filesystem::path& modules);

}  // namespace memrig
