// The options by which commands choose the machine that they run.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "run/run.h"

namespace memrig {

// --bench and --emulator. `spec` must outlive the command.
void add_bench_options(CLI::App& command, RunSpec& spec);
// --accel. `accelerator` must outlive the command; its value is the default.
void add_accelerator_option(CLI::App& command, std::string& accelerator);

}  // namespace memrig
